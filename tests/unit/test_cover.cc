#include <gtest/gtest.h>

#include <algorithm>

#include "flows/rule_match.h"
#include "tests/unit/reference_filter.h"

using namespace pm;
using namespace pm::test;

namespace {

size_t
cover_size(uint16_t first, uint16_t last)
{
    return cover({first, last}).size();
}

/* Every port is matched by exactly one of the cover if it is in the range
 * and by none if it is not. */
void
expect_exact_cover(const PortRange &range)
{
    std::vector<uint8_t> hits(65536);
    std::vector<MaskedPort> ports = cover(range);
    EXPECT_TRUE(std::is_sorted(ports.begin(), ports.end()));
    for (const MaskedPort &port : ports) {
        ASSERT_EQ(port.value & ~port.mask, 0);
        for (uint32_t p = 0; p < 65536; p++) {
            hits[p] += (p & port.mask) == port.value;
        }
    }
    for (uint32_t p = 0; p < 65536; p++) {
        ASSERT_EQ(hits[p], range.first <= p && p <= range.last)
            << range.to_string() << " port " << p;
    }
}

} // namespace

TEST(Cover, IsMinimal)
{
    EXPECT_EQ(cover_size(80, 80), 1u);
    EXPECT_EQ(cover_size(6, 13), 3u);
    EXPECT_EQ(cover_size(6, 15), 2u);
    EXPECT_EQ(cover_size(0x1a, 0xe9), 8u);
    EXPECT_EQ(cover_size(1000, 1999), 7u);
    EXPECT_EQ(cover_size(1024, 65535), 6u);
    EXPECT_EQ(cover_size(1, 65534), 30u);
}

TEST(Cover, OfAllPortsIsOneWithoutMask)
{
    EXPECT_EQ(cover({0, 65535}), (std::vector<MaskedPort>{{0, 0}}));
}

TEST(Cover, OfOnePortIsThatPort)
{
    for (uint16_t port : {0, 1, 80, 65535}) {
        EXPECT_EQ(cover({port, port}),
                  (std::vector<MaskedPort>{{port, 0xffff}}));
    }
}

TEST(Cover, NeverExceedsThirty)
{
    size_t most = 0;
    Dice dice;
    for (int i = 0; i < 100000; i++) {
        int a = dice.below(65536), b = dice.below(65536);
        most =
            std::max(most, cover_size(static_cast<uint16_t>(std::min(a, b)),
                                      static_cast<uint16_t>(std::max(a, b))));
    }
    EXPECT_LE(most, 30u);
}

TEST(Cover, IsExactAtEveryPort)
{
    for (int a : PORTS) {
        for (int b : PORTS) {
            if (a <= b) {
                expect_exact_cover(
                    {static_cast<uint16_t>(a), static_cast<uint16_t>(b)});
            }
        }
    }
    Dice dice;
    for (int i = 0; i < 100; i++) {
        int a = dice.below(65536), b = dice.below(65536);
        expect_exact_cover({static_cast<uint16_t>(std::min(a, b)),
                            static_cast<uint16_t>(std::max(a, b))});
    }
}

TEST(Cover, OfEveryRangeOfEightBitsHasNoMorePrefixesThanNeeded)
{
    /* Fewest prefixes by exhaustion: the least number of aligned blocks that
     * tile [a, b], by dynamic programming from the right. */
    for (int b = 0; b < 256; b++) {
        std::vector<size_t> fewest(b + 2, 0);
        for (int a = b; a >= 0; a--) {
            fewest[a] = SIZE_MAX;
            for (int size = 1; a % size == 0 && a + size - 1 <= b; size *= 2) {
                fewest[a] = std::min(fewest[a], 1 + fewest[a + size]);
            }
            EXPECT_EQ(
                cover_size(static_cast<uint16_t>(a), static_cast<uint16_t>(b)),
                fewest[a])
                << a << "-" << b;
        }
    }
}
