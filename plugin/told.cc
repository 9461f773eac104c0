#include "plugin/told.h"

namespace pm {

namespace {

/* Of a rule that is wrong in a filter that came past the console. */
constexpr char A_RULE[] = "a rule of the tunnel's filter is wrong; the "
                          "tunnel's account corrects or deletes it";

const std::map<std::string, std::string> MEANINGS = {
    /* Faults of the tunnel itself, or of what it refers to. */
    {"NAME_INVALID", "a name is none that is allowed; its account adds the "
                     "object again under another"},
    {"NOTE_TOO_LONG", "a note is too long; its account shortens it"},
    {"NOT_OWNER", "an end, its target or the filter is not of the account it "
                  "should be; the tunnel's account deletes the tunnel, or the "
                  "operator corrects the inventory"},
    {"PURPOSE_MISMATCH", "an end is not of the purpose or type it should be; "
                         "the tunnel's account deletes the tunnel and "
                         "requests another"},
    {"DUPLICATE_RESOURCE", "the target of one end has two resources; the "
                           "account of the younger deletes that one"},
    {"ROLE_CONFLICT", "the NIC of one end is both source and destination; the "
                      "account of the younger resource deletes that one"},
    {"REGION_MISMATCH", "the two ends are in different regions; the tunnel's "
                        "account deletes the tunnel and requests one in one "
                        "region"},
    {"SAME_NIC", "both ends are one NIC; the tunnel's account deletes the "
                 "tunnel"},
    {"SAME_SUBNET", "both ends are in one subnet; the tunnel's account "
                    "deletes the tunnel and requests one to another subnet"},
    {"NIC_NOT_ALLOWED", "the destination NIC is none that may receive copies; "
                        "the destination's account offers another"},
    {"LB_NOT_TRANSIT", "the load balancer is not in a transit VPC; the "
                       "destination's account offers one that is"},
    {"VNI_RANGE", "the VNI is out of range; the tunnel's account sets "
                  "another"},
    {"PACKET_LENGTH_RANGE", "the packet length is out of range; the tunnel's "
                            "account sets another, or none"},
    {"PACKET_LENGTH_TOO_LARGE", "the packet length is more than one of the "
                                "ends takes; the tunnel's account sets a "
                                "smaller one, or none"},
    {"DUPLICATE_TUNNEL", "an older tunnel has the same ends and filter; the "
                         "tunnel's account deletes one of the two"},
    {"TUNNEL_LIMIT", "the source has too many tunnels; its account deletes "
                     "one"},
    {"RULE_NUMBER", A_RULE},
    {"RULE_ACTION", A_RULE},
    {"RULE_PROTOCOL", A_RULE},
    {"RULE_CIDR", A_RULE},
    {"RULE_PORT", A_RULE},
    {"RULE_ICMP", A_RULE},
    {"RULE_LIMIT", "the tunnel's filter has too many rules; the tunnel's "
                   "account deletes some"},
    {"RULE_TOO_COSTLY", "the tunnel's filter takes too many flows; the "
                        "tunnel's account makes its rules simpler"},
    /* What stands in the way. */
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
    {"DESTINATION_IS_BROADCAST", "the destination is a broadcast address of "
                                 "the source's host; name a host"},
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
    {"STOPPING", "that its copies have ended is not proven yet; wait"},
    {"PATH_UNKNOWN", "the route to the destination is being looked up; wait"},
    {"NEIGHBOUR_UNKNOWN", "the next hop has not answered yet; copies leave "
                          "when it has"},
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
