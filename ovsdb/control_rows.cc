#include "ovsdb/control_rows.h"
