/* Ten thousand random steps of three accounts, the operator and three
 * hypervisors, through the product and through the table beside it. */
#include <gtest/gtest.h>

#include <random>

#include "plugin/lifecycle.h"
#include "tests/unit/life_cloud.h"
#include "tests/unit/life_table.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

using life::Change;
using life::LifeTable;
using life::LifeTunnel;
using life::Refusals;

const std::vector<std::string> HYPERVISORS = {"hv1", "hv2", "hv3"};

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed)
    {
        Edit edit = world_.apply(life_cloud());
        EXPECT_EQ(codes(edit.problems), Codes());
        for (const std::string &account : ACCOUNTS) {
            table_.destinations.insert(account + "/ids");
            table_.destinations.insert(account + "/spare");
        }
        for (const std::string &name : HYPERVISORS) {
            world_.model.chassis[world_.new_uuid()].name = name;
        }
    }

    /* One step and all that must hold after it. */
    void step()
    {
        world_.now_ms += 1000;
        switch (pick(20)) {
        case 0 ... 3:
            create();
            break;
        case 4 ... 6:
            accept();
            break;
        case 7:
            reject();
            break;
        case 8 ... 9:
            update();
            break;
        case 10 ... 11:
            remove();
            break;
        case 12:
            destination();
            break;
        case 13:
            inventory();
            break;
        case 14:
            move();
            break;
        case 15:
            restart();
            break;
        default:
            hypervisor();
            break;
        }
        compare();
    }

    /* How often what was answered, so that the walk is seen to have been
     * everywhere. */
    std::map<std::string, int> seen;
    std::string last;

private:
    unsigned pick(size_t n) { return static_cast<unsigned>(random_() % n); }

    template <typename T> const T &one_of(const std::vector<T> &values)
    {
        return values[pick(values.size())];
    }

    std::string account() { return one_of(ACCOUNTS); }

    /* One time in ten the operator. */
    std::string somebody() { return pick(10) ? account() : ""; }

    std::string bare_name() { return "tun-" + std::to_string(pick(3)); }

    std::string name()
    {
        return pick(3) ? account() + "/" + bare_name() : bare_name();
    }

    /* What the product answered must be what the table says. */
    void expect(const std::string &what, const Refusals &wanted,
                const Edit &edit)
    {
        last = what;
        Refusals got;
        for (const Problem &problem : edit.problems) {
            got.insert(problem.code);
        }
        if (wanted.count("NOT_FOUND") || wanted.count("DUPLICATE")) {
            /* All else that is wrong with the object is reported, too. */
            EXPECT_TRUE(got.count(*wanted.begin())) << what;
        } else {
            EXPECT_EQ(got, wanted) << what;
        }
        std::string verb = what.substr(0, what.find(' '));
        seen[verb + (wanted.empty() ? "" : " " + *wanted.begin())]++;
        if (!wanted.empty()) {
            return;
        }
        std::multiset<std::string> events;
        for (const Event &event : edit.events) {
            if (event.kind == "tunnel") {
                events.insert(event.event + " " + event.account + "/" +
                              event.object);
            }
        }
        EXPECT_EQ(events, table_.events) << what;
    }

    static std::string by(const std::string &who)
    {
        return " by " + (who.empty() ? "the operator" : who);
    }

    void create()
    {
        std::string who = somebody();
        std::string whose = who.empty() || !pick(10) ? account() : who;
        std::string name = bare_name();
        std::string end =
            (pick(3) ? account() : whose) + "/" + (pick(4) ? "ids" : "spare");
        json object = {{"name", name},
                       {"account", whose},
                       {"source", "src-" + name.substr(4)},
                       {"destination", end}};
        Edit edit =
            world_.put_one(who, "mirror_tunnels", object, PutMode::Create);
        expect("create " + whose + "/" + name + " to " + end + by(who),
               table_.create(who, whose, name, end), edit);
        if (edit.problems.empty()) {
            table_.set_key(
                world_.id("mirror_tunnels", whose + "/" + name).to_string());
        }
    }

    void accept()
    {
        std::string who = somebody(), which = name();
        std::optional<int64_t> generation;
        if (pick(2)) {
            generation = 1 + pick(2);
        }
        Edit edit = world_.accept(who, which, generation);
        expect("accept " + which +
                   (generation ? " of " + std::to_string(*generation) : "") +
                   by(who),
               table_.accept(who, which, generation), edit);
    }

    void reject()
    {
        std::string who = somebody(), which = name();
        Edit edit = world_.reject(who, which);
        expect("reject " + which + by(who), table_.reject(who, which), edit);
    }

    void update()
    {
        std::string who = somebody(), which = name();
        std::string whose = which.find('/') == std::string::npos
                                ? (who.empty() ? "default" : who)
                                : which.substr(0, which.find('/'));
        std::string bare = which.substr(which.find('/') + 1);
        Change change;
        if (pick(2)) {
            change.note = "note " + std::to_string(pick(3));
        }
        if (!pick(3)) {
            change.enabled = pick(2);
        }
        if (!pick(4)) {
            change.destination = account() + "/" + (pick(2) ? "ids" : "spare");
        }
        if (!pick(8)) {
            change.source =
                "src-" + std::to_string((bare[4] - '0' + 1) % N_SOURCES);
        }
        Edit edit =
            world_.put_one(who, "mirror_tunnels", changed(whose, bare, change),
                           PutMode::Replace);
        expect("update " + which + by(who), table_.update(who, which, change),
               edit);
    }

    /* The whole object as "tunnel-set" would put it. */
    json changed(const std::string &whose, const std::string &bare,
                 const Change &change)
    {
        auto id = look_up(world_.model, world_.context(), "mirror_tunnels",
                          whose + "/" + bare);
        json object = id ? to_json(world_.model, "mirror_tunnels", *id)
                         : json{{"name", bare},
                                {"source", "src-0"},
                                {"destination", "ids"}};
        object["account"] = whose;
        object.erase("accepted");
        if (change.note) {
            object["note"] = *change.note;
        }
        if (change.enabled) {
            object["enabled"] = *change.enabled;
        }
        if (change.destination) {
            object["destination"] = *change.destination;
        }
        if (change.source) {
            object["source"] = *change.source;
        }
        return object;
    }

    void remove()
    {
        std::string who = somebody(), which = name();
        Edit edit = world_.erase_one(who, "mirror_tunnels", which);
        expect("delete " + which + by(who), table_.erase(who, which), edit);
    }

    /* An account takes a destination away or adds it again. */
    void destination()
    {
        std::string who = account(), which = pick(2) ? "ids" : "spare";
        if (table_.destinations.count(who + "/" + which) && pick(5)) {
            return; /* Most are there most of the time. */
        }
        if (!table_.destinations.count(who + "/" + which)) {
            world_.put_one(who, "mirror_resources",
                           resource(which, "destination", who + "-" + which,
                                    "network-interface", who));
            table_.destinations.insert(who + "/" + which);
            return;
        }
        Edit edit = world_.erase_one(who, "mirror_resources", which);
        expect("withdraw " + who + "/" + which,
               table_.erase_destination(who, which), edit);
    }

    /* The control plane finds that a server's NIC is another device, which
     * cannot receive copies, or the right one after all. */
    void inventory()
    {
        std::string who = account(), which = pick(2) ? "ids" : "spare";
        Nic &nic = world_.model.nics.at(
            world_.id("network_interfaces", who + "-" + which));
        bool faulty = nic.device == "eth0" && !pick(5);
        nic.device = faulty ? "eth1" : "eth0";
        last = "inventory";
        if (faulty) {
            table_.faulty.insert(who + "/" + which);
        } else {
            table_.faulty.erase(who + "/" + which);
        }
    }

    /* A NIC comes to a hypervisor or leaves it; two have it for a while. */
    void move()
    {
        std::string iface_id =
            "if-" + account() + "-src-" + std::to_string(pick(N_SOURCES));
        auto &places = places_[iface_id];
        const std::string &hypervisor = one_of(HYPERVISORS);
        if (!places.erase(hypervisor)) {
            places.insert(hypervisor);
        }
        last = "move " + iface_id;
    }

    /* One round of one hypervisor, that may be off the air. */
    void hypervisor()
    {
        const std::string &name = one_of(HYPERVISORS);
        last = "round of " + name;
        if (!pick(8)) {
            return;
        }
        std::map<Uuid, Uuid> rows; /* Of tunnels. */
        for (const auto &[id, status] : world_.model.tunnel_statuses) {
            if (status.chassis == name) {
                rows[status.tunnel] = id;
            }
        }
        for (const auto &[tunnel_id, row] : rows) {
            if (!find(world_.model.tunnels, tunnel_id) && pick(2)) {
                purge(tunnel_id, row, name);
            }
        }
        for (const auto &[id, tunnel] : world_.model.tunnels) {
            if (is_accepted(world_.model, tunnel)) {
                EXPECT_NE(table_.state_of(id.to_string()), "Waiting");
                serve(id, tunnel, name, rows);
            }
        }
    }

    void serve(const Uuid &id, const Tunnel &tunnel, const std::string &name,
               const std::map<Uuid, Uuid> &rows)
    {
        const Resource &source = world_.model.resources.at(tunnel.source);
        bool here = places_[source.iface_id].count(name);
        auto row = rows.find(id);
        if (row == rows.end()) {
            if (here) {
                report(id, tunnel, name);
            }
            return;
        }
        TunnelStatus &status = world_.model.tunnel_statuses.at(row->second);
        status.bound = here;
        if (here && pick(2)) {
            status.observed_generation = tunnel.generation;
            status.health = pick(4) ? Health::Ok : Health::Error;
            table_.installed(id.to_string());
        } else if (!here && is_running_elsewhere(status)) {
            purge(id, row->second, name);
        }
    }

    bool is_running_elsewhere(const TunnelStatus &status)
    {
        const auto &statuses = world_.model.tunnel_statuses;
        return std::any_of(statuses.begin(), statuses.end(),
                           [&](const auto &other) {
                               return other.second.tunnel == status.tunnel &&
                                      other.second.chassis != status.chassis &&
                                      other.second.bound &&
                                      other.second.observed_generation > 0;
                           });
    }

    /* Ahead of anything on the switch. */
    void report(const Uuid &id, const Tunnel &tunnel, const std::string &name)
    {
        TunnelStatus &status = world_.model.tunnel_statuses[world_.new_uuid()];
        status.tunnel = id;
        status.chassis = name;
        status.name = tunnel.name;
        status.account = tunnel.account;
        status.destination_account = destination_account(world_.model, tunnel);
        status.vni = tunnel.vni;
        status.bound = true;
        table_.reported(id.to_string(), name);
    }

    void purge(const Uuid &tunnel, const Uuid &row, const std::string &name)
    {
        world_.model.tunnel_statuses.erase(row);
        table_.purged(tunnel.to_string(), name);
    }

    /* All programs begin anew: what they read back is what they wrote, and
     * putting it again changes nothing. */
    void restart()
    {
        last = "restart";
        if (!table_.faulty.empty()) {
            return; /* Such a document is refused. */
        }
        Model before = world_.model;
        json exported = export_document(before, world_.context());
        Edit edit = world_.apply(exported);
        EXPECT_EQ(codes(edit.problems), Codes());
        EXPECT_TRUE(edit.events.empty());
        EXPECT_EQ(world_.model, before);

        World fresh;
        fresh.now_ms = world_.now_ms;
        EXPECT_EQ(codes(fresh.apply(exported).problems), Codes());
        EXPECT_EQ(export_document(fresh.model, fresh.context()), exported);
        for (const auto &[id, tunnel] : before.tunnels) {
            const Tunnel *twin =
                fresh.tunnel(tunnel.account + "/" + tunnel.name);
            ASSERT_NE(twin, nullptr);
            EXPECT_EQ(is_accepted(fresh.model, *twin),
                      is_accepted(before, tunnel));
        }
        seen["restart"]++;
    }

    void compare()
    {
        std::vector<std::string> viewers = ACCOUNTS;
        viewers.push_back("");
        for (const std::string &viewer : viewers) {
            std::vector<std::string> shown;
            for (const TunnelView &view :
                 tunnel_views(world_.model, world_.now_ms, viewer)) {
                shown.push_back(view.account + "/" + view.name + " " +
                                (view.generation
                                     ? std::to_string(*view.generation)
                                     : "-") +
                                " " + to_string(view.state));
                seen[to_string(view.state)]++;
                EXPECT_EQ(view.conditions.count("HostAlive"),
                          !view.chassis.empty());
            }
            std::sort(shown.begin(), shown.end());
            EXPECT_EQ(shown, table_.seen_by(viewer)) << last << by(viewer);
            compare_names(viewer);
        }
    }

    /* Nor may a tunnel be found by its name, or exported, that is not seen
     * in the list. */
    void compare_names(const std::string &viewer)
    {
        EditContext who = world_.context(viewer);
        std::set<std::string> wanted, found;
        for (const LifeTunnel &tunnel : table_.tunnels()) {
            if (tunnel.is_seen_by(viewer) && tunnel.state != "Shutting down") {
                wanted.insert(tunnel.full_name());
            }
        }
        for (const std::string &account : ACCOUNTS) {
            for (int i = 0; i < 3; i++) {
                std::string name = account + "/tun-" + std::to_string(i);
                if (look_up(world_.model, who, "mirror_tunnels", name)) {
                    found.insert(name);
                }
            }
        }
        EXPECT_EQ(found, wanted) << last << by(viewer);
    }

    std::mt19937 random_;
    World world_;
    LifeTable table_;
    /* iface_id -> hypervisors that have it. */
    std::map<std::string, std::set<std::string>> places_;
};

TEST(LifeWalk, TheProductAndTheTableNeverDifferInTenThousandSteps)
{
    Walk walk(20261122);
    for (int i = 0; i < 10000; i++) {
        walk.step();
        ASSERT_FALSE(testing::Test::HasFailure())
            << "step " << i << ": " << walk.last;
    }
    for (const char *must : {"create",
                             "create NOT_OWNER",
                             "create DUPLICATE",
                             "create NOT_FOUND",
                             "create NIC_NOT_ALLOWED",
                             "accept",
                             "accept STALE_REQUEST",
                             "accept NIC_NOT_ALLOWED",
                             "accept NOT_ACCEPTOR",
                             "accept INVALID_STATE",
                             "accept NOT_FOUND",
                             "accept AMBIGUOUS",
                             "reject",
                             "reject NOT_ACCEPTOR",
                             "reject INVALID_STATE",
                             "reject NOT_FOUND",
                             "update",
                             "update NOT_OWNER",
                             "update NOT_FOUND",
                             "update IMMUTABLE",
                             "update DESTINATION_IMMUTABLE",
                             "update NIC_NOT_ALLOWED",
                             "delete",
                             "delete ACCEPT_OR_REJECT_ONLY",
                             "delete NOT_FOUND",
                             "withdraw",
                             "withdraw IN_USE",
                             "restart",
                             "Waiting",
                             "Setting",
                             "Running",
                             "Shutting down"}) {
        EXPECT_GE(walk.seen[must], 5) << must;
    }
}

} // namespace
} // namespace pm
