/* ovs-mirrorctl: what filters say and what they cost. */
#include "flows/frame_text.h"
#include "plugin/filter_cost.h"
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

/* Hits of each rule on all hypervisors, or nothing where none reports. */
std::map<int, int64_t>
hits_of(const Model &model, const Uuid &filter, Direction direction)
{
    std::map<int, int64_t> sum;
    for (const auto &[id, status] : model.filter_statuses) {
        if (status.filter == filter) {
            for (const auto &[number, hits] : direction == Direction::Inbound
                                                  ? status.inbound_hits
                                                  : status.outbound_hits) {
                sum[number] = sum_of_counts(sum[number], hits);
            }
        }
    }
    return sum;
}

/* One rule with what is known of it beside its own fields. */
ordered_json
rule_json(ordered_json rule, Direction direction, const RuleCost &cost,
          const std::map<int, int64_t> &hits,
          const std::map<int, std::string> &shadows)
{
    auto count = hits.find(cost.number);
    rule["direction"] = to_string(direction);
    rule["hits"] =
        count == hits.end() ? ordered_json() : ordered_json(count->second);
    rule["flows"] = cost.flows;
    auto shadow = shadows.find(cost.number);
    rule["warning"] = shadow == shadows.end() ? ordered_json()
                                              : ordered_json(shadow->second);
    return rule;
}

/* The rules of a filter in the order of their evaluation. */
Listing
rules_of(const Attempt &a, const Uuid &filter)
{
    Listing listing;
    listing.keys = {
        "direction", "number",      "action",      "protocol",
        "source",    "source_port", "destination", "destination_port",
        "icmp_type", "icmp_code",   "hits",        "flows",
        "warning",   "note"};
    listing.headings = {
        "DIRECTION", "NUMBER",      "ACTION",      "PROTOCOL",
        "SOURCE",    "SOURCE PORT", "DESTINATION", "DESTINATION PORT",
        "ICMP",      "HITS",        "FLOWS",       "WARNING",
        "NOTE"};
    const Filter &f = *find(a.edit.model.filters, filter);
    FilterCost cost = filter_cost(f);
    ordered_json object = to_json(a.edit.model, "mirror_filters", filter);
    for (Direction direction : DIRECTIONS) {
        auto hits = hits_of(a.edit.model, filter, direction);
        auto shadows = shadow_notes(f.rules(direction));
        size_t i = 0;
        for (const ordered_json &plain :
             object.value(to_string(direction), ordered_json::array())) {
            ordered_json rule = rule_json(
                plain, direction, cost.rules(direction)[i++], hits, shadows);
            auto text = [&](const char *key) {
                return cell_text(rule.value(key, ordered_json()));
            };
            std::string icmp = text("icmp_type");
            if (rule.contains("icmp_code")) {
                icmp += (icmp.empty() ? "*/" : "/") + text("icmp_code");
            }
            listing.rows.push_back(
                {text("direction"), text("number"), text("action"),
                 text("protocol"), text("source"), text("source_port"),
                 text("destination"), text("destination_port"), icmp,
                 text("hits"), text("flows"), text("warning"), text("note")});
            listing.objects.push_back(rule);
        }
    }
    return listing;
}

void
run_rule_list(ctl_context *ctx)
{
    if (auto id = find_named(ctx, "mirror_filters")) {
        print(ctx, rules_of(attempt_of(ctx), *id));
    }
}

void
run_filter_show(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    auto id = find_named(ctx, "mirror_filters");
    if (!id) {
        return;
    }
    const Filter &f = *find(a.edit.model.filters, *id);
    FilterCost cost = filter_cost(f);
    ordered_json object = {{"id", id->to_string()},
                           {"name", f.name},
                           {"account", f.account},
                           {"non_ip", f.mirror_non_ip ? "mirror" : "drop"},
                           {"note", f.note},
                           {"generation", f.generation},
                           {"created", time_json(f.created_ms)},
                           {"updated", time_json(f.updated_ms)},
                           {"flows", cost.flows},
                           {"cross_product", cost.cross_product},
                           {"used_by", used_by(a, [&](const Tunnel &t) {
                                return t.filter == *id;
                            })}};
    Listing rules = rules_of(a, *id);
    if (a.settings.format != Format::Table) {
        object["rules"] = complete_objects(rules);
        print_object(ctx, object);
    } else {
        for (const auto &[key, value] : object.items()) {
            rules.below.push_back(key + ": " + cell_text(value));
        }
        print(ctx, rules);
    }
}

/* ------------------------------------------------------------------------
 * filter-test. */

void
check_filter_test(ctl_context *ctx)
{
    if (!direction_of(ctx->argv[2])) {
        ctl_error(ctx, "the direction is in or out, not \"%s\"", ctx->argv[2]);
    }
}

void
run_filter_test(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    auto id = find_named(ctx, "mirror_filters");
    std::string error;
    auto parsed = parse_frame(ctx->argv[3], &error);
    if (!parsed) {
        a.refuse("SYNTAX", "FLOW", error);
    }
    if (!id || !parsed) {
        return;
    }
    const Filter &filter = *find(a.edit.model.filters, *id);
    Direction direction = *direction_of(ctx->argv[2]);
    Decision decision = decide(filter, direction, parsed->frame);
    print_object(ctx, {{"filter", a.say(filter.account, filter.name)},
                       {"direction", to_string(direction)},
                       {"flow", parsed->flow},
                       {"mirrored", decision.admitted},
                       {"rule", decision.rule ? ordered_json(decision.rule)
                                              : ordered_json()},
                       {"why", decision.why}});
}

} // namespace

const ctl_command_syntax *
filter_commands()
{
    constexpr auto RO = ctl_command_syntax::RO;
    static const ctl_command_syntax COMMANDS[] = {
        {"rule-list", 1, 1, "FILTER", nullptr, run_rule_list, nullptr, "", RO},
        {"filter-show", 1, 1, "NAME", nullptr, run_filter_show, nullptr, "",
         RO},
        {"filter-test", 3, 3, "FILTER in|out FLOW", check_filter_test,
         run_filter_test, nullptr, "", RO},
        {}};
    return COMMANDS;
}

} // namespace pm::ctl
