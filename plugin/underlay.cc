#include "plugin/underlay.h"
