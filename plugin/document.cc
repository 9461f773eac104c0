#include "plugin/document.h"
