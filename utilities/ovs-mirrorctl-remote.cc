/* ovs-mirrorctl: where the database is said to be, and why it may not be
 * served there. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

std::string
fault_of_remote(const std::string &db)
{
    if (db.front() == ',' || db.back() == ',' ||
        db.find(",,") != std::string::npos) {
        return "a comma stands between two servers: leave it out or name "
               "another";
    }
    if (!stream_verify_name(db.c_str()) || !pstream_verify_name(db.c_str())) {
        return "";
    }
    bool is_file = db.front() == '/' || db.find(':') == std::string::npos;
    return "this is no remote: give " +
           (is_file ? "unix:" + db + ", or tcp:IP:PORT"
                    : std::string("unix:FILE, tcp:IP:PORT")) +
           " or ssl:IP:PORT";
}

std::string
why_unserved(const Settings &settings)
{
    /* The IDL does not tell which of these it is. */
    return std::string("the server answers but does not serve us: it has no "
                       "database ") +
           pmrec_idl_class.database +
           ", like the switch's (name the control database's server), was "
           "given another version of its schema while it ran (restart it), "
           "or " +
           (settings.leader_only
                ? "does not lead its cluster (name all servers of the "
                  "cluster, or give --no-leader-only)"
                : "is cut off from its cluster (name the other servers, "
                  "too)");
}

} // namespace pm::ctl
