#include <gtest/gtest.h>

#include <random>
#include <set>

#include "plugin/flat_set.h"

namespace pm {
namespace {

TEST(FlatSet, HoldsWhatASetHoldsAfterRandomEdits)
{
    std::mt19937 random(1);
    FlatSet<int> flat;
    std::set<int> set;
    for (int step = 0; step < 2000; step++) {
        int value = static_cast<int>(random() % 50);
        if (random() % 2) {
            flat.insert(value);
            set.insert(value);
        } else {
            flat.erase(value);
            set.erase(value);
        }
        ASSERT_EQ(std::set<int>(flat.begin(), flat.end()), set);
        ASSERT_EQ(flat.size(), set.size());
        ASSERT_EQ(flat.empty(), set.empty());
        ASSERT_EQ(flat.count(value), set.count(value));
        ASSERT_TRUE(std::is_sorted(flat.begin(), flat.end()));
    }
}

} // namespace
} // namespace pm
