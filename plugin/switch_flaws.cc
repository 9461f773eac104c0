#include "plugin/switch_flaws.h"

#include <cstdio>

namespace pm {

bool
modifies_wrong_flow(const std::string &version,
                    const std::string &datapath_type)
{
    if (datapath_type == "system" || datapath_type.empty()) {
        return false;
    }
    int major = 0, minor = 0, patch = 0;
    if (std::sscanf(version.c_str(), "%d.%d.%d", &major, &minor, &patch) !=
        3) {
        return true;
    }
    /* The releases of "dpif-netdev: Fix dpif_netdev_flow_put.". */
    if (major == 2) {
        return minor < 17 || (minor == 17 && patch < 8);
    }
    return major < 2 || (major == 3 && ((minor == 0 && patch < 5) ||
                                        (minor == 1 && patch < 3)));
}

} // namespace pm
