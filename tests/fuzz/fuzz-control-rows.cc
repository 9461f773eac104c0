/* Rows of the control database, with whatever the schema lets in: from the
 * rows to what a hypervisor desires, plans and reports, and to what the
 * console lists and edits. */
#include "flows/frame_compose.h"
#include "flows/frame_text.h"
#include "flows/openflow.h"
#include "ovsdb/conditions.h"
#include "ovsdb/control_rows.h"
#include "plugin/filter_cost.h"
#include "plugin/kinds.h"
#include "plugin/lifecycle.h"
#include "plugin/probe.h"
#include "plugin/status.h"
#include "tests/fuzz/rows.h"
#include "tests/unit/simulated_agent.h"

namespace pm::fuzz {

namespace {

constexpr size_t ROWS_MAX = 24;
constexpr int64_t NOW_MS = 1700000000000, EARLIER_MS = 1000, LATER_MS = 2000;

/* What the rows may say of the host that reads them. */
enum class Sort {
    /* Another account's, and its hypervisors': nobody else loses a copy. */
    Strangers,
    /* Anything. */
    Any,
    /* Anything but this hypervisor's own reports: each step of the daemon
     * keeps the laws. */
    Agent,
    N
};

const std::vector<std::string> WORDS = {
    "acme",        "beta",          "mallory",
    "default",     "hv1",           "hv9",
    "nic0",        "nic1",          "nic2",
    "source0",     "to-collector0", "tunnel0",
    "filter0",     "collector0",    "192.0.2.1",
    "10.0.0.0/8",  "10.0.0.1",      "10.0.0.1/24",
    "2001:db8::1", "2001:db8::/32", "tcp",
    "udp",         "icmp",          "icmpv6",
    "sctp",        "any",           "6",
    "80",          "80-443",        "0-65535",
    "443-80",      "local",         "p-1",
    "eth0",        "eth9",          "52:54:00:00:00:01",
    "inbound:100",
};

/* Takes out rows that the database's indexes keep out. */
template <typename T, typename F>
void
keep_unique(Table<T> *table, const Table<T> &before, F key_of)
{
    std::set<decltype(key_of(std::declval<T>()))> keys;
    for (const auto &[id, row] : before) {
        keys.insert(key_of(row));
    }
    std::erase_if(*table, [&](const auto &entry) {
        return !keys.insert(key_of(entry.second)).second;
    });
}

void
keep_indexes(Model *model, const Model &before)
{
    auto name = [](const auto &row) { return row.name; };
    auto owned = [](const auto &row) {
        return std::pair(row.account, row.name);
    };
    keep_unique(&model->vpcs, before.vpcs, name);
    keep_unique(&model->peerings, before.peerings, name);
    keep_unique(&model->connects, before.connects, name);
    keep_unique(&model->subnets, before.subnets, name);
    keep_unique(&model->nics, before.nics, name);
    keep_unique(&model->nics, before.nics,
                [](const Nic &nic) { return nic.iface_id; });
    keep_unique(&model->load_balancers, before.load_balancers, name);
    keep_unique(&model->collectors, before.collectors, name);
    keep_unique(&model->resources, before.resources, owned);
    keep_unique(&model->resources, before.resources, [](const Resource &r) {
        return std::tuple(r.purpose, r.type, r.target);
    });
    keep_unique(&model->filters, before.filters, owned);
    keep_unique(&model->tunnels, before.tunnels, owned);
    keep_unique(&model->chassis, before.chassis, name);
    keep_unique(
        &model->tunnel_statuses, before.tunnel_statuses,
        [](const TunnelStatus &s) { return std::pair(s.tunnel, s.chassis); });
    keep_unique(
        &model->tunnel_statuses, before.tunnel_statuses,
        [](const TunnelStatus &s) { return std::pair(s.chassis, s.number); });
    keep_unique(
        &model->filter_statuses, before.filter_statuses,
        [](const FilterStatus &s) { return std::pair(s.filter, s.chassis); });
    keep_unique(
        &model->filter_statuses, before.filter_statuses,
        [](const FilterStatus &s) { return std::pair(s.chassis, s.number); });
}

struct Read {
    Model model;
    std::map<Uuid, UnreadableRow> unreadable;
};

Read
read_rows(Bytes *bytes, const Model &before)
{
    static struct ovsdb_idl *const idl = idl_of(&pmrec_idl_class);
    Rows rows(idl, bytes, WORDS);
    for_each_kind([&](const auto &kind) {
        static const std::map<std::string, const char *> TABLES = {
            {"vpcs", "VPC"},
            {"peerings", "VPC_Peering"},
            {"transit_connects", "Transit_VPC_Connect"},
            {"subnets", "Subnet"},
            {"network_interfaces", "Network_Interface"},
            {"load_balancers", "Load_Balancer"},
            {"collectors", "Collector"},
            {"mirror_resources", "Mirror_Resource"},
            {"mirror_filters", "Mirror_Filter"},
            {"mirror_tunnels", "Mirror_Tunnel"},
        };
        for (const auto &[id, row] : before.*kind.table) {
            rows.know(TABLES.at(kind.key), id);
        }
    });
    for (size_t n = bytes->pick(ROWS_MAX + 1); n; n--) {
        rows.insert(
            &pmrec_idl_class.tables[bytes->pick(pmrec_idl_class.n_tables)]);
    }
    rows.fill({});
    Read read;
    read.model = read_model(idl, &read.unreadable);
    for (const auto &[id, row] : read.unreadable) {
        read.model.broken[id] = {"SYNTAX", "", row.error};
    }
    keep_indexes(&read.model, before);
    return read;
}

/* What a stranger, who has the right to write its own rows and no others,
 * could have written.  Who came first is what the rows say: they are no older
 * than those that are there. */
void
leave_to_strangers(Model *model)
{
    auto own = [](const auto &entry) {
        const std::string &account = entry.second.account;
        return account == "acme" || account == OPERATOR_ACCOUNT;
    };
    auto of_this_host = [](const auto &entry) {
        return entry.second.chassis == "hv1";
    };
    std::erase_if(model->resources, own);
    std::erase_if(model->filters, own);
    std::erase_if(model->tunnels, own);
    std::erase_if(model->tunnel_statuses, of_this_host);
    std::erase_if(model->filter_statuses, of_this_host);
    for (auto &[id, resource] : model->resources) {
        resource.created_ms = std::max(resource.created_ms, LATER_MS);
    }
    for (auto &[id, tunnel] : model->tunnels) {
        tunnel.created_ms = std::max(tunnel.created_ms, LATER_MS);
    }
}

template <typename T>
void
put_rows(Table<T> *to, const Table<T> &from)
{
    for (const auto &[id, row] : from) {
        to->insert_or_assign(id, row);
    }
}

void
put_rows(Model *to, const Model &from)
{
    for_each_table(*to, from, [](auto &a, const auto &b) { put_rows(&a, b); });
}

template <typename T>
void
take_out(Table<T> *from, const Table<T> &rows)
{
    std::erase_if(*from,
                  [&](const auto &row) { return rows.count(row.first); });
}

/* Each flow that is desired is one that Open vSwitch takes, and takes as it is
 * meant. */
void
check_flows(const DesiredState &desired)
{
    static std::set<Flow> taken; /* Before, most of them. */
    for (const auto &[key, flows] : desired.flows()) {
        for (const Flow &flow : flows) {
            auto cookie = Cookie::decode(flow.cookie);
            hold(cookie && cookie->owner == key.owner,
                 "a cookie that says something else: " + flow.to_string());
            std::string error;
            if (taken.size() > 10000) {
                taken.clear();
            }
            if (!taken.insert(flow).second) {
                continue;
            }
            auto known = normalise(flow, &error);
            hold(known.has_value(), "a flow is refused: " + error);
            hold(key.owner.kind != FlowOwner::Deliver || *known == flow,
                 "a switch spells it as " + known->to_string());
        }
    }
}

/* A frame that a probe is made of is one that the filter admits, after it has
 * been put in words and read from them too. */
void
check_samples(const Filter &filter)
{
    for (Direction direction : DIRECTIONS) {
        auto frame = sample_frame(&filter, direction, {});
        if (!frame) {
            continue;
        }
        std::string words = flow_of(*frame), error;
        auto parsed = parse_frame(words, &error);
        hold(parsed.has_value(), "a probe's frame is refused: " + error);
        hold(decide(filter, direction, parsed->frame).admitted,
             "a probe's frame is not admitted: " + words);
        void *bytes = nullptr;
        size_t length = 0;
        char *why =
            frame_compose(parsed->flow.c_str(), "probe", &bytes, &length);
        hold(!why, "a probe's frame cannot be made: " + words);
        free(bytes);
    }
}

/* What everybody asks of the rows that is no business of a hypervisor. */
void
ask_as_people(const Model &model, const Read &read, Bytes *bytes)
{
    for (const char *viewer : {"", "acme", "mallory"}) {
        for (const TunnelView &view : tunnel_views(model, NOW_MS, viewer)) {
            hold(*viewer == '\0' || view.account == viewer ||
                     view.destination_account == viewer,
                 "a third account sees a tunnel");
        }
        EditContext who{viewer, NOW_MS,
                        [n = 0u]() mutable {
                            return Uuid{{++n, 1, 2, 3}};
                        },
                        Limits{}};
        export_document(model, who).dump();
        Edit edit;
        edit.model = model;
        edit.unreadable = read.unreadable;
        std::string kind = bytes->one_of(document_kinds());
        std::string name = bytes->one_of(WORDS);
        if (!read.unreadable.empty() && bytes->flag()) {
            kind = read.unreadable.begin()->second.kind;
            name = read.unreadable.begin()->second.full_name();
        }
        switch (bytes->pick(4)) {
        case 0:
            erase(&edit, who, kind, name, "x");
            break;
        case 1:
            accept_tunnel(&edit, who, name, std::nullopt);
            break;
        case 2:
            reject_tunnel(&edit, who, name);
            break;
        case 3:
            apply_document(&edit, who, export_document(model, who).dump(),
                           bytes->flag());
            break;
        }
        finish(&edit, who);
    }
    for (const auto &[id, filter] : model.filters) {
        Problems problems;
        check_filter(model, id, Limits{}, "", &problems);
        if (problems.empty()) {
            filter_cost(filter);
            check_samples(filter);
        }
    }
}

void
ask_for_rows(const Model &model)
{
    ConditionInputs inputs;
    inputs.chassis = "hv1";
    inputs.local_nics = {"nic0", "nic1", "nic2"};
    /* In one order, and in another with a change of mind. */
    References once, again;
    for (const auto &[id, tunnel] : model.tunnels) {
        once.take(id, &tunnel);
    }
    for (const auto &[id, status] : model.tunnel_statuses) {
        once.take(id, &status, inputs.chassis);
        again.take(id, &status, inputs.chassis);
    }
    for (const auto &[id, tunnel] : model.tunnels) {
        const Tunnel &other = model.tunnels.begin()->second;
        again.take(id, &other);
        again.take(id, &tunnel);
    }
    for (const auto &[id, status] : model.tunnel_statuses) {
        again.take(id, nullptr, inputs.chassis);
        again.take(id, &status, inputs.chassis);
    }
    hold(desire_conditions(model, inputs, &once) ==
             desire_conditions(model, inputs, &again),
         "conditions differ");
}

/* A host with NICs that are mirrored to two collectors, with a filter and
 * without. */
Host
settled_host()
{
    Host host;
    for (uint32_t n = 0; n < 3; n++) {
        host.plug("nic" + std::to_string(n), "br-int");
        host.add_source(n);
    }
    host.add_collector(0);
    host.add_collector(1);
    Uuid filter = host.add_filter(0, 80);
    host.add_tunnel(0, 0, 0, filter);
    host.add_tunnel(1, 0, 1);
    host.add_tunnel(2, 1, 0, filter);
    for (auto &[id, resource] : host.model.resources) {
        resource.created_ms = EARLIER_MS;
    }
    for (auto &[id, tunnel] : host.model.tunnels) {
        tunnel.created_ms += EARLIER_MS;
    }
    hold(host.settle(), "the host that all begins with settles");
    return host;
}

/* Puts the rows in, sees what comes of them, takes them out again. */
void
examine(Host *host, const Model &rows, Sort sort)
{
    const Model before = host->model;
    const auto flows = host->desired.flows();
    std::map<Uuid, TunnelDesire> copying;
    for (const auto &[id, desire] : host->desired.tunnels()) {
        copying.emplace(id, desire);
    }
    put_rows(&host->model, rows);
    bool settled = host->settle();
    hold(settled || sort == Sort::Any, "the host settles");
    check_flows(host->desired);
    if (settled && host->desired.decided()) {
        std::string what = difference(host->desired, host->restarted());
        hold(what.empty(), "a restart differs: " + what);
    }
    Actual actual;
    actual.rows = host->facts.rows;
    std::set<OwnerKey> outstanding;
    for (const auto &[key, desired] : host->desired.flows()) {
        outstanding.insert(key);
    }
    for (const auto &[name, row] : actual.rows.bridges) {
        actual.flows[name];
        actual.meters[name];
    }
    make_plan(actual, host->desired, &outstanding).describe();
    StatusContext context;
    context.now_ms = NOW_MS;
    for (const auto &[id, desire] : host->desired.tunnels()) {
        desire_status(id, host->desired, actual, outstanding, 77, context);
    }
    if (sort == Sort::Strangers) {
        for (const auto &[id, desire] : copying) {
            const TunnelDesire &now = host->desire(id);
            std::string why = "tunnel " + before.tunnels.at(id).name + ":";
            for (const auto &[code, message] : now.reasons) {
                why += " " + code + ": " + message + ";";
            }
            hold(!desire.egress || now.egress == desire.egress,
                 "strangers' rows stop " + why);
        }
    }
    host->model = before;
    bool healed = host->settle();
    if (sort == Sort::Strangers) {
        hold(healed && host->desired.flows() == flows,
             "it does not heal when the rows are gone");
    }
}

/* Some agents that have come to rest. */
const std::vector<SimulatedAgent> &
settled_agents()
{
    static std::vector<SimulatedAgent> agents;
    for (uint32_t seed = 1; agents.size() < 4; seed++) {
        SimulatedAgent &agent = agents.emplace_back(seed);
        for (int i = 0; i < 10; i++) {
            agent.pass(true);
        }
    }
    return agents;
}

void
live(SimulatedAgent *agent, const Model &rows)
{
    const Model before = agent->host.model;
    put_rows(&agent->host.model, rows);
    for (int i = 0; i < 8; i++) {
        agent->pass(i > 2);
        check_flows(agent->host.desired);
    }
    /* What the daemon itself has written meanwhile stays. */
    Model &model = agent->host.model;
    auto statuses = model.tunnel_statuses;
    auto filter_statuses = model.filter_statuses;
    model = before;
    model.tunnel_statuses = statuses;
    model.filter_statuses = filter_statuses;
    take_out(&model.tunnel_statuses, rows.tunnel_statuses);
    take_out(&model.filter_statuses, rows.filter_statuses);
    for (int i = 0; i < 4; i++) {
        agent->pass(true);
    }
    hold(agent->faults.empty(),
         agent->faults.empty() ? "" : agent->faults.front());
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    static const pm::Host settled = settled_host();

    Bytes bytes(data, size);
    auto sort = static_cast<Sort>(bytes.pick(static_cast<size_t>(Sort::N)));
    if (sort == Sort::Agent) {
        pm::SimulatedAgent agent = bytes.one_of(settled_agents());
        Read read = read_rows(&bytes, agent.host.model);
        std::erase_if(read.model.tunnel_statuses, [](const auto &row) {
            return row.second.chassis == "hv1";
        });
        std::erase_if(read.model.filter_statuses, [](const auto &row) {
            return row.second.chassis == "hv1";
        });
        live(&agent, read.model);
        return 0;
    }
    pm::Host host = settled;
    Read read = read_rows(&bytes, host.model);
    if (sort == Sort::Strangers) {
        leave_to_strangers(&read.model);
    }
    pm::Model all = host.model;
    put_rows(&all, read.model);
    ask_as_people(all, read, &bytes);
    ask_for_rows(all);
    examine(&host, read.model, sort);
    return 0;
}
