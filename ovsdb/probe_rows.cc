#include "ovsdb/probe_rows.h"

#include <cstdlib>
#include <string_view>

#include "ovsdb/columns.h"

namespace pm {

namespace {

/* A key of Probe_Report's details, beside the stations. */
constexpr std::string_view ARRIVAL_OF_VNI = "arrival of VNI ";

} // namespace

Probe
read(const pmrec_probe *row)
{
    RowReader r(&row->header_, nullptr, nullptr);
    Probe v;
    v.tunnel = r.uuid(pmrec_probe_col_tunnel);
    v.chassis = r.text(pmrec_probe_col_chassis);
    for (const std::string &nic : r.texts(pmrec_probe_col_destination_nics)) {
        v.destination_nics.insert(nic);
    }
    if (auto direction = r.optional_text(pmrec_probe_col_direction)) {
        v.direction = direction_of(*direction);
    }
    v.flow = r.text(pmrec_probe_col_flow);
    v.mark = static_cast<uint32_t>(r.number(pmrec_probe_col_mark));
    v.send = r.flag(pmrec_probe_col_send);
    v.created_ms = r.number(pmrec_probe_col_created);
    return v;
}

ProbeReport
read(const pmrec_probe_report *row)
{
    RowReader r(&row->header_, nullptr, nullptr);
    ProbeReport v;
    v.probe = r.uuid(pmrec_probe_report_col_probe);
    v.chassis = r.text(pmrec_probe_report_col_chassis);
    for (const std::string &nic : r.texts(pmrec_probe_report_col_watches)) {
        v.watches.insert(nic);
    }
    v.direction = r.text(pmrec_probe_report_col_direction);
    v.flow = r.text(pmrec_probe_report_col_flow);
    auto results = r.text_map(pmrec_probe_report_col_results);
    auto details = r.text_map(pmrec_probe_report_col_details);
    for (Station station : STATIONS) {
        auto result = results.find(to_string(station));
        if (result == results.end()) {
            continue;
        }
        StationReport &report = v.stations[station];
        for (Passed passed : {Passed::Yes, Passed::No, Passed::Unknown}) {
            if (result->second == to_string(passed)) {
                report.passed = passed;
            }
        }
        report.detail = details[to_string(station)];
    }
    for (const auto &[key, detail] : details) {
        if (key.starts_with(ARRIVAL_OF_VNI)) {
            v.arrivals[std::strtoll(key.c_str() + ARRIVAL_OF_VNI.size(),
                                    nullptr, 10)] = detail;
        }
    }
    return v;
}

void
write(const pmrec_probe *row, const Probe &v)
{
    RowWriter w(&row->header_, Verify::No);
    w.set(pmrec_probe_col_tunnel, v.tunnel);
    w.set(pmrec_probe_col_chassis, v.chassis);
    w.set(pmrec_probe_col_destination_nics,
          std::vector<std::string>(v.destination_nics.begin(),
                                   v.destination_nics.end()));
    w.set_optional(pmrec_probe_col_direction, v.direction,
                   [](Direction d) { return to_string(d); });
    w.set(pmrec_probe_col_flow, v.flow);
    w.set(pmrec_probe_col_mark, int64_t{v.mark});
    w.set(pmrec_probe_col_send, v.send);
    w.set(pmrec_probe_col_created, v.created_ms);
}

void
write(const pmrec_probe_report *row, const ProbeReport &v)
{
    RowWriter w(&row->header_, Verify::No);
    w.set(pmrec_probe_report_col_probe, v.probe);
    w.set(pmrec_probe_report_col_chassis, v.chassis);
    w.set(pmrec_probe_report_col_watches,
          std::vector<std::string>(v.watches.begin(), v.watches.end()));
    w.set(pmrec_probe_report_col_direction, v.direction);
    w.set(pmrec_probe_report_col_flow, v.flow);
    std::map<std::string, std::string> results, details;
    for (const auto &[station, report] : v.stations) {
        results[to_string(station)] = to_string(report.passed);
        details[to_string(station)] = report.detail;
    }
    for (const auto &[vni, detail] : v.arrivals) {
        details[std::string(ARRIVAL_OF_VNI) + std::to_string(vni)] = detail;
    }
    w.set(pmrec_probe_report_col_results, results);
    w.set(pmrec_probe_report_col_details, details);
}

} // namespace pm
