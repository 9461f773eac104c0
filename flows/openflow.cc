#include "flows/openflow.h"
