#include <gtest/gtest.h>
#include "plugin/model.h"
