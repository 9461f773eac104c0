#include "flows/rule_match.h"
