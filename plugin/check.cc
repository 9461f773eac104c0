#include "plugin/check.h"
