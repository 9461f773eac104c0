/* Agent, what comes from the bridges of ours: their flows, what became of
 * edits, and the answers of next hops. */
#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"

VLOG_DEFINE_THIS_MODULE(agent_links);

namespace pm {

/* 'key's flows may differ from what is desired. */
void
Agent::mark(const OwnerKey &key)
{
    outstanding_.insert(key);
    std::set<Uuid> tunnels = desired_.tunnels_of(key);
    (key.owner.kind == FlowOwner::Tap ? neighbours_ : unreported_)
        .merge(tunnels);
}

void
Agent::run_links()
{
    bool early = !started_ && !cleanup_;
    if (early && !switch_.ready()) {
        links_.clear(); /* Which bridges there are is not known. */
        return;
    }
    for (const auto &[name, bridge] : actual_.rows.bridges) {
        if (!links_.count(name) && desired_.facts().settled) {
            links_[name] = std::make_unique<BridgeLink>(name);
        }
    }
    std::erase_if(links_, [&](const auto &link) {
        bool gone = !actual_.rows.bridges.count(link.first);
        if (gone) {
            counts_.lost(link.first);
        }
        return gone;
    });
    for (auto &[name, link] : links_) {
        if (early) {
            /* Flows are told from what is desired, which is not known yet;
             * they are read while the control database tells us. */
            if (link->run_ahead()) {
                guard_.recheck(); /* As in on_lost(). */
            }
            continue;
        }
        while (auto event = link->run()) {
            switch (event->kind) {
            case LinkEvent::Kind::Lost:
                on_lost(name);
                break;
            case LinkEvent::Kind::Read:
                on_read(name, *event);
                break;
            case LinkEvent::Kind::Applied:
                on_applied(name, *event);
                break;
            case LinkEvent::Kind::Refused:
                on_refused(name, *event);
                break;
            case LinkEvent::Kind::Metered:
                on_metered(name, *event);
                if (!refusals_.reasons().empty()) {
                    link->reread();
                }
                break;
            case LinkEvent::Kind::Summed:
                counts_.summed(name, *event);
                break;
            case LinkEvent::Kind::Counted:
                counts_.counted(name, *event);
                break;
            }
        }
    }
}

/* The connection, or the bridge, is gone. */
void
Agent::on_lost(const std::string &bridge)
{
    actual_.lose(bridge);
    counts_.lost(bridge);
    refusals_.forget(bridge);
    for (const auto &[key, flows] : desired_.flows()) {
        if (key.bridge == bridge) {
            mark(key);
        }
    }
    /* A restarted vswitchd has forgotten "no-flood". */
    guard_.recheck();
    next_hops_.doubt(time_msec());
}

/* What is known of an owner's flows, what is desired last. */
void
Agent::know_flows(const OwnerKey &key, Spelling *spelling) const
{
    auto before = actual_.flows.find(key.bridge);
    if (before != actual_.flows.end() && before->second.count(key.owner)) {
        spelling->know(before->second.at(key.owner));
    }
    auto desired = desired_.flows().find(key);
    if (desired != desired_.flows().end()) {
        spelling->know(desired->second);
    }
}

/* Takes in all flows of a bridge of ours. */
void
Agent::on_read(const std::string &bridge, const LinkEvent &event)
{
    std::vector<FlowStats> read = event.flows;
    for (const Flow &group : event.groups) {
        FlowStats &flow = read.emplace_back();
        flow.flow = group;
        flow.flow.cookie = cookie_of_group(group);
    }
    auto owners =
        by_owner(read, [&](const FlowOwner &owner, Spelling *spelling) {
            know_flows({bridge, owner}, spelling);
        });
    VLOG_DBG("%s: read %zu flows", bridge.c_str(), read.size());
    auto row = actual_.rows.bridges.find(bridge);
    if (!actual_.flows.count(bridge) && row != actual_.rows.bridges.end() &&
        row->second.mark.purpose == "delivery") {
        /* A switch that has lost our flows has lost all it had learned. */
        if (owners.count({FlowOwner::Base, 0})) {
            next_hops_.doubt(time_msec());
        } else {
            next_hops_.restarted(time_msec());
            reconsider_ = true;
        }
    }
    auto lost = actual_.take_read(bridge, std::move(owners), event.rates());
    if (lost && contest_.flows_changed(bridge, *lost, time_msec())) {
        VLOG_WARN("%s: somebody else changed its flows; putting them right",
                  bridge.c_str());
    }
    /* Whether those that are to go have stopped can be judged now. */
    for (const auto &[id, status] : desired_.model().tunnel_statuses) {
        if (status.chassis == desired_.facts().settings.chassis &&
            !find(desired_.model().tunnels, status.tunnel)) {
            unreported_.insert(status.tunnel);
        }
    }
    for (const auto &[owner, flows] : actual_.flows[bridge]) {
        mark({bridge, owner});
    }
    for (const auto &[key, flows] : desired_.flows()) {
        if (key.bridge == bridge) {
            mark(key);
        }
    }
    for (const auto &[owner, rate_kbps] : actual_.meters[bridge]) {
        mark({bridge, owner});
    }
    counts_.read(bridge, event);
}

void
Agent::on_applied(const std::string &bridge, const LinkEvent &event)
{
    refusals_.applied(bridge, event.edits);
    counts_.applied(bridge, event.edits,
                    apply_bundle(&actual_, bridge, event.edits));
    std::set<OwnerKey> owners;
    for (const FlowEdit &edit : event.edits) {
        owners.insert({bridge, Cookie::decode(edit.flow.cookie)->owner});
    }
    for (const OwnerKey &key : owners) {
        mark(key);
    }
}

void
Agent::on_refused(const std::string &bridge, const LinkEvent &event)
{
    refusals_.refused(bridge, event.edits, event.error, time_msec());
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    VLOG_WARN_RL(&rl, "%s: flows refused: %s", bridge.c_str(),
                 event.error.c_str());
    for (const FlowEdit &edit : event.edits) {
        mark({bridge, Cookie::decode(edit.flow.cookie)->owner});
    }
}

void
Agent::on_metered(const std::string &bridge, const LinkEvent &event)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    for (size_t i = 0; i < event.meter_edits.size(); i++) {
        const MeterEdit &edit = event.meter_edits[i];
        const std::string &error = event.meter_errors[i];
        refusals_.judged(bridge, edit, error, time_msec());
        if (error.empty()) {
            apply_meter(&actual_, bridge, edit);
            counts_.metered(edit.owner);
        } else {
            VLOG_WARN_RL(&rl, "%s: meter refused: %s", bridge.c_str(),
                         error.c_str());
        }
        mark({bridge, edit.owner});
    }
}

/* Asks the next hops of deliveries, and takes in what they answer. */
void
Agent::run_next_hops()
{
    int64_t now = time_msec();
    next_hops_.want(desired_.next_hops());
    for (auto &[name, link] : links_) {
        for (const PacketIn &packet : link->take_packets()) {
            std::string site = desired_.site_of_port(name, packet.in_port);
            auto answer = parse_answer(packet.frame);
            if (answer && !site.empty()) {
                next_hops_.heard(site, answer->address, answer->mac, now);
            }
        }
    }
    if (is_connected()) {
        for (const NextHopKey &key : next_hops_.due(now)) {
            auto port = desired_.port_of_site(key.site);
            auto link = port ? links_.find(port->first) : links_.end();
            if (link != links_.end()) {
                link->second->send_frame(
                    port->second,
                    ask_frame(desired_.mac_of_site(key.site), key.address));
            }
        }
    }
    desired_.set_next_hops(next_hops_.take_changes(now));
}

} // namespace pm
