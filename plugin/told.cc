#include "plugin/told.h"

namespace pm {

namespace {

const std::map<std::string, std::string> MEANINGS = {
    {"NIC_UNBOUND", "the source NIC is plugged in nowhere; its account starts "
                    "the VM"},
    {"NIC_MISSING", "the source NIC is not in the inventory; its account adds "
                    "it again or deletes the tunnel"},
    {"TARGET_MISSING", "the target of one end is not in the inventory; its "
                       "account adds it again or deletes the tunnel"},
    {"NO_ROUTE", "the source's host has no route to the destination; the "
                 "operator adds one, or its account corrects the address"},
    {"NEIGHBOUR_FAILED", "the destination, or the next hop to it, does not "
                         "answer; its account looks at it"},
    {"MTU_TOO_SMALL", "the path is too small for a copy; the operator raises "
                      "its MTU"},
    {"MTU_TRUNCATES", "the path is smaller than the frames, which are cut "
                      "further than asked for"},
    {"DESTINATION_IS_LOCAL", "the destination is the source's own host, which "
                             "sends no tunnel to itself; name another"},
    {"DELIVERY_UNSUPPORTED", "there is no such delivery to such a "
                             "destination; change either"},
    {"SOURCE_ADDRESS_MISSING", "the source NIC has no address of the "
                               "destination's IP version in the inventory; "
                               "its account adds one"},
    {"DESTINATION_ADDRESS_MISSING", "the destination NIC has no address in "
                                    "the inventory; its account adds one"},
    {"NEXT_HOP_UNKNOWN", "the next hop of the copies is not in the "
                         "inventory; the operator adds the gateway of the "
                         "source's subnet"},
    {"NEXT_HOP_SILENT", "the next hop of the copies does not answer; the "
                        "operator looks at it"},
    {"NEXT_HOP_DIFFERS", "the next hop answers from another MAC than the "
                         "inventory has; the operator corrects it"},
    {"NEXT_HOP_ASKED", "the next hop is being asked for; wait"},
    {"NEXT_HOP_UNHEARD", "what becomes of the copies is not seen from the "
                         "source; see at the destination"},
    {"DELIVERY_STARTING", "the source's hypervisor makes ready for delivery; "
                          "wait"},
    {"MEMBERS_DOWN", "no member of the load balancer is up; its account "
                     "brings one up"},
    {"MEMBER_IP_VERSION", "a member of the load balancer is of another IP "
                          "version than the first and gets nothing; its "
                          "account gives all of one"},
    {"PEERING_MISSING", "there is no active peering from the source's VPC to "
                        "the destination's; add or activate one"},
    {"ROUTE_MISSING", "the source's subnet has no route to the destination; "
                      "its account adds one"},
    {"TRANSIT_CONNECT_MISSING", "there is no active Transit VPC Connect "
                                "between the two VPCs; add or activate one"},
    {"VXLAN_NOT_PERMITTED", "the destination's ACG or NACL does not admit the "
                            "copies; its account adds an inbound rule"},
    {"VXLAN_PERMISSION_UNKNOWN", "the inventory does not say whether the "
                                 "destination admits the copies"},
    {"PAUSED", "the operator has paused the source's hypervisor"},
    {"DISABLED", "the tunnel is not enabled"},
    {"INSTALLING", "the source's hypervisor is being brought to it; wait"},
    {"PATH_UNKNOWN", "the route to the destination is being looked up; wait"},
    {"NEIGHBOUR_UNKNOWN", "the next hop has not been asked for yet; the first "
                          "copy does"},
};

bool
reads_all(const std::string &viewer, const TunnelStatus &status)
{
    return viewer.empty() || status.account == status.destination_account;
}

} // namespace

std::string
plain_reason(const std::string &code)
{
    auto meaning = MEANINGS.find(code);
    return meaning == MEANINGS.end()
               ? "the operator sees the details and mends it"
               : meaning->second;
}

void
tell_plainly(std::map<std::string, std::string> *reasons,
             std::map<std::string, Condition> *conditions)
{
    for (auto &[code, message] : *reasons) {
        message = plain_reason(code);
    }
    for (auto &[type, condition] : *conditions) {
        size_t colon = condition.reason.find(": ");
        if (colon != std::string::npos) {
            const std::string code = condition.reason.substr(0, colon);
            condition.reason = code + ": " + plain_reason(code);
        }
    }
}

TunnelStatus
as_told_to(const std::string &viewer, TunnelStatus status)
{
    if (reads_all(viewer, status)) {
        return status;
    }
    tell_plainly(&status.reasons.edit(), &status.conditions.edit());
    for (std::string &event : status.events) {
        /* TIME HEALTH CODE: words */
        event = event.substr(0, event.find(": "));
    }
    return status;
}

} // namespace pm
