#include "plugin/lifecycle.h"
