/* ovs-mirrorctl: hypervisors and tunnels at a glance. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

ordered_json
chassis_json(const Chassis &c, int64_t now_ms)
{
    return {{"name", c.name},
            {"hostname", c.hostname},
            {"alive", is_alive(c, now_ms)},
            {"heartbeat", time_json(c.heartbeat_ms)},
            {"version", c.version},
            {"ovs_version", c.ovs_version},
            {"datapath_types", c.datapath_types},
            {"encap_ips", c.encap_ips},
            {"slots", c.slots},
            {"slots_used", c.slots_used},
            {"cfg", c.cfg}};
}

void
show_chassis(ds *output, const Chassis &c, int64_t now_ms)
{
    ds_put_format(output, "Hypervisor %s\n", one_line(c.name).c_str());
    auto show_text = [&](const char *key, const std::string &text) {
        if (!text.empty()) {
            ds_put_format(output, "    %s: %s\n", key, one_line(text).c_str());
        }
    };
    show_text("hostname", c.hostname);
    show_text("Open vSwitch", c.ovs_version);
    bool alive = is_alive(c, now_ms);
    show_text("heard from",
              !c.heartbeat_ms ? "never"
              : !alive && c.heartbeat_ms > now_ms
                  ? cell_text(time_json(c.heartbeat_ms)) +
                        ", which lies ahead: its clock or the one here is "
                        "wrong"
                  : age_text(c.heartbeat_ms, now_ms) + " ago" +
                        (alive ? "" : " (not alive)"));
    for (const auto &[bridge, slots] : c.slots) {
        auto used = c.slots_used.find(bridge);
        ds_put_format(output, "    mirror slots of %s: %lld of %lld used\n",
                      one_line(bridge).c_str(),
                      static_cast<long long>(
                          used == c.slots_used.end() ? 0 : used->second),
                      static_cast<long long>(slots));
    }
}

void
run_show(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    ordered_json object = {{"hypervisors", ordered_json::array()},
                           {"tunnels", ordered_json::array()}};
    std::map<std::string, Chassis> chassis;
    for (const auto &[id, c] : a.edit.model.chassis) {
        /* The hosts are none of a customer's business. */
        if (a.context.is_operator()) {
            chassis[c.name] = c;
        }
    }
    bool as_text = a.settings.format == Format::Table;
    for (const auto &[name, c] : chassis) {
        object["hypervisors"].push_back(chassis_json(c, a.context.now_ms));
        if (as_text) {
            show_chassis(&ctx->output, c, a.context.now_ms);
        }
    }
    for (const TunnelView &v : views_of(a)) {
        object["tunnels"].push_back(view_json(v));
        if (!as_text) {
            continue;
        }
        ds_put_format(&ctx->output, "Tunnel %s\n    %s, %s",
                      one_line(a.say(v.account, v.name)).c_str(),
                      to_string(v.state), to_string(v.health));
        for (const std::string &name : v.chassis) {
            ds_put_format(&ctx->output, ", on %s", one_line(name).c_str());
        }
        ds_put_format(
            &ctx->output, "\n    %s -> %s, vni %s\n",
            one_line(v.source).c_str(),
            one_line(a.say(v.destination_account, v.destination)).c_str(),
            number_text(v.vni).c_str());
        for (const auto &[code, message] : v.reasons) {
            ds_put_format(&ctx->output, "    %s: %s\n", one_line(code).c_str(),
                          one_line(message).c_str());
        }
    }
    if (!as_text) {
        print_object(ctx, object);
    }
}

constexpr auto RO = ctl_command_syntax::RO;
const ctl_command_syntax COMMANDS[] = {
    {"show", 0, 0, "", nullptr, run_show, nullptr, "", RO},
    {},
};

} // namespace

const ctl_command_syntax *
show_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
