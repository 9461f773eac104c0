#include "flows/flow.h"
