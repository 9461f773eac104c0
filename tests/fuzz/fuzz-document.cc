/* JSON documents and single edits, on a small cloud: what is refused changes
 * nothing, what is accepted is sound and comes back from export as it went
 * in. */
#include "plugin/lifecycle.h"
#include "tests/fuzz/bytes.h"
#include "tests/unit/world.h"

namespace pm::fuzz {

namespace {

const std::vector<std::string> ACCOUNTS = {"", "acme", "beta", "mallory"};

/* Keys and texts that mean something in a document, and some that do not. */
const std::vector<std::string> KEYS = {
    "name",
    "account",
    "region",
    "kind",
    "from",
    "to",
    "state",
    "vpc",
    "transit_vpc",
    "cidr",
    "gateway",
    "gateway_mac",
    "routes",
    "via",
    "iface_id",
    "server",
    "device",
    "hypervisor",
    "mac",
    "addresses",
    "subnet",
    "mtu",
    "permits_vxlan_from",
    "members",
    "address",
    "network_interface",
    "purpose",
    "type",
    "target",
    "note",
    "non_ip",
    "inbound",
    "outbound",
    "number",
    "action",
    "protocol",
    "source",
    "destination",
    "source_port",
    "destination_port",
    "icmp_type",
    "icmp_code",
    "filter",
    "vni",
    "packet_length",
    "rate_kbps",
    "mode",
    "delivery",
    "enabled",
    "accepted",
    "destination_account",
    "colour",
};

const std::vector<std::string> WORDS = {
    "",
    "a",
    "acme",
    "beta",
    "default",
    "kr",
    "jp",
    "standard",
    "transit",
    "active",
    "inactive",
    "vpc-a",
    "vpc-b",
    "vpc-j",
    "tvpc",
    "a-to-b",
    "a-to-t",
    "vpc-a-tvpc",
    "sn-a",
    "sn-a2",
    "sn-b",
    "sn-t",
    "web1",
    "web2",
    "ids",
    "ids-b",
    "ids-eth1",
    "xen-a",
    "t-kvm",
    "plain",
    "lb-t",
    "lb-a",
    "suricata1",
    "beta-col",
    "web1-src",
    "web2-src",
    "ids-dst",
    "col-dst",
    "lb-dst",
    "beta-dst",
    "beta/beta-dst",
    "web",
    "web1-ids",
    "web1-col",
    "web1-beta",
    "acme/web1-beta",
    "new-one",
    "new-two",
    "if-web1",
    "if-new",
    "eth0",
    "eth1",
    "eth2",
    "kvm",
    "xen",
    "10.1.0.0/24",
    "10.1.0.9",
    "10.2.0.0/16",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::1",
    "2001:db8::/64",
    "10.1.0.1/24",
    "1.2.3",
    "local",
    "52:54:00:00:00:01",
    "FF:FF:FF:FF:FF:FF",
    "source",
    "destination",
    "network-interface",
    "load-balancer",
    "collector",
    "accept",
    "reject",
    "tcp",
    "udp",
    "icmp",
    "icmpv6",
    "any",
    "6",
    "80",
    "80-443",
    "0-65535",
    "9-8",
    "mirror",
    "drop",
    "count",
    "auto",
    "underlay",
    "vpc",
    "up",
    "down",
    "\n",
    "\xff",
    "a/b/c",
    "99999999999999999999",
};

json
some_value(Bytes *bytes, int depth)
{
    switch (bytes->pick(depth ? 12 : 9)) {
    case 0:
        return nullptr;
    case 1:
        return bytes->flag();
    case 2:
        return bytes->number(-2, 40000);
    case 3:
        return bytes->number(INT64_MIN, INT64_MAX);
    case 4:
        return 1.5;
    case 9:
    case 10: {
        json object = json::object();
        for (size_t n = bytes->pick(8); n; n--) {
            object[bytes->one_of(KEYS)] = some_value(bytes, depth - 1);
        }
        return object;
    }
    case 11: {
        json list = json::array();
        for (size_t n = bytes->pick(5); n; n--) {
            list.push_back(some_value(bytes, depth - 1));
        }
        return list;
    }
    case 8:
        return bytes->raw(20);
    default:
        return bytes->one_of(WORDS);
    }
}

/* Changes some of what 'object' says. */
void
disturb(Bytes *bytes, json *object)
{
    for (size_t n = bytes->pick(4); n; n--) {
        std::string key = bytes->one_of(KEYS);
        if (!object->empty() && bytes->flag()) {
            key = std::next(object->begin(), static_cast<std::ptrdiff_t>(
                                                 bytes->pick(object->size())))
                      .key();
        }
        if (bytes->pick(4) == 3) {
            object->erase(key);
            continue;
        }
        json &value = (*object)[key];
        if (value.is_array() && !value.empty() && bytes->flag()) {
            json &member = value[bytes->pick(value.size())];
            if (member.is_object()) {
                disturb(bytes, &member);
                continue;
            }
        }
        value = some_value(bytes, 2);
    }
}

/* A document like one that is sound. */
json
some_document(Bytes *bytes)
{
    static const json SOUND = document();
    json doc = json::object();
    for (size_t n = 1 + bytes->pick(3); n; n--) {
        std::string kind = bytes->one_of(document_kinds());
        json &list = doc[kind];
        if (!list.is_array()) {
            list = json::array();
        }
        for (size_t m = bytes->pick(4); m; m--) {
            json object = json::object();
            const json &of = SOUND[kind];
            if (bytes->pick(8)) {
                object = of[bytes->pick(of.size())];
            }
            disturb(bytes, &object);
            list.push_back(object);
        }
    }
    if (bytes->pick(16) == 15) {
        doc[bytes->one_of(KEYS)] = some_value(bytes, 2);
    }
    return doc;
}

std::string
text_of(const json &value)
{
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/* One command, as the console makes it. */
void
make_edit(Edit *edit, const EditContext &who, Bytes *bytes)
{
    std::string name = bytes->one_of(WORDS);
    switch (bytes->pick(6)) {
    case 0:
        erase(edit, who, bytes->one_of(document_kinds()), name, "x");
        break;
    case 1:
        accept_tunnel(edit, who, name,
                      bytes->flag()
                          ? std::optional(bytes->number(0, INT64_MAX))
                          : std::nullopt);
        break;
    case 2:
        reject_tunnel(edit, who, name);
        break;
    case 3: {
        json object = some_value(bytes, 2);
        put(edit, who, bytes->one_of(document_kinds()), object, "x",
            static_cast<PutMode>(bytes->pick(3)));
        break;
    }
    default:
        apply_document(edit, who, text_of(some_document(bytes)),
                       bytes->flag());
        break;
    }
}

void
check_problems(const Problems &problems)
{
    for (const Problem &problem : problems) {
        hold(!problem.code.empty() && !problem.message.empty(),
             "a problem without a word");
        std::string line =
            problem.code + ": " + problem.path + ": " + problem.message;
        hold(line.find('\n') == std::string::npos &&
                 line.find('\x1b') == std::string::npos && valid_utf8(line),
             "a problem that steers the terminal: " + line);
    }
}

/* What the console let in, no hypervisor faults. */
void
check_soundness(const Model &model)
{
    Problems problems;
    for (const auto &[id, row] : model.tunnels) {
        check_tunnel(model, id, row.name, &problems);
        check_tunnel_among_others(model, id, Limits{}, row.name, &problems);
    }
    for (const auto &[id, row] : model.resources) {
        check_resource(model, id, row.name, &problems);
    }
    for (const auto &[id, row] : model.filters) {
        check_filter(model, id, Limits{}, row.name, &problems);
    }
    if (!problems.empty()) {
        broken("accepted, and then " + problems[0].code + ": " +
               problems[0].path + ": " + problems[0].message);
    }
}

/* The document that a model gives, applied to it, changes nothing. */
void
check_round_trip(World *world)
{
    json out = export_document(world->model, world->context());
    Edit again = world->begin_edit();
    EditContext who = world->context();
    apply_document(&again, who, text_of(out), true);
    finish(&again, who);
    if (!again.problems.empty()) {
        const Problem &p = again.problems[0];
        broken("its own export is refused: " + p.code + ": " + p.path + ": " +
               p.message);
    }
    hold(again.model == world->model, "its own export changes it");
    hold(again.events.empty(), "its own export is an event");
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    static const pm::World settled = pm::settled_world();

    Bytes bytes(data, size);
    pm::World world = settled;
    if (bytes.pick(4) == 3) { /* As it comes from a file. */
        std::string account = bytes.one_of(ACCOUNTS);
        pm::Edit edit = world.apply_text(bytes.rest(), account);
        check_problems(edit.problems);
        check_soundness(world.model);
        return 0;
    }
    for (size_t n = 1 + bytes.pick(4); n; n--) {
        pm::Edit edit = world.begin_edit();
        pm::EditContext who = world.context(bytes.one_of(ACCOUNTS));
        for (size_t m = 1 + bytes.pick(2); m; m--) {
            make_edit(&edit, who, &bytes);
        }
        finish(&edit, who);
        check_problems(edit.problems);
        world.keep(std::move(edit));
        world.now_ms += 1000;
    }
    check_soundness(world.model);
    check_round_trip(&world);
    for (const std::string &account : ACCOUNTS) {
        text_of(export_document(world.model, world.context(account)));
        pm::tunnel_views(world.model, world.now_ms, account);
    }
    return 0;
}
