#include "ovsdb/unixctl_client.h"
