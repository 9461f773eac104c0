#include "tests/fuzz/bytes.h"

#include <cstdio>
#include <cstdlib>

namespace pm::fuzz {

void
broken(const std::string &law)
{
    std::fprintf(stderr, "broken: %s\n", law.c_str());
    std::abort();
}

} // namespace pm::fuzz
