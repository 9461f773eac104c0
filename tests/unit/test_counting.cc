#include <gtest/gtest.h>

#include "flows/counting.h"

using namespace pm;

namespace {

using Of = Counting::Question::Of;

const CookieMask ALL = counted_flows();
const FlowOwner FIRST{FlowOwner::Egress, 1}, LATER{FlowOwner::Egress, 5000};

/* Two chunks of two flows each, on a switch that counts. */
class CountingTest : public testing::Test {
protected:
    CountingTest() { counting.know(switch_sums()); }

    std::map<CookieMask, FlowSum> switch_sums() const
    {
        return {{first, sums.at(first)}, {later, sums.at(later)}};
    }

    FlowSum sum_of(const CookieMask &what) const
    {
        FlowSum all = sums.at(first), other = sums.at(later);
        if (what != ALL) {
            return sums.at(what);
        }
        all.packets += other.packets;
        all.bytes += other.bytes;
        all.flows += other.flows;
        return all;
    }

    void pass(const CookieMask &chunk)
    {
        sums.at(chunk).packets++;
        sums.at(chunk).bytes += 100;
    }

    /* Answers the question. */
    void answer()
    {
        auto question = *counting.question();
        if (question.of == Of::Flows) {
            read.push_back(question.what.front());
            counting.take_flows();
            return;
        }
        std::vector<FlowSum> answers;
        for (const CookieMask &what : question.what) {
            answers.push_back(sum_of(what));
        }
        counting.take_sums(answers);
    }

    /* Returns the chunks whose flows were read. */
    std::vector<CookieMask> count()
    {
        counting.begin({first, later});
        read.clear();
        while (counting.under_way()) {
            answer();
        }
        return read;
    }

    const CookieMask first = *chunk_of(FIRST), later = *chunk_of(LATER);
    std::map<CookieMask, FlowSum> sums{{first, {10, 1000, 2}},
                                       {later, {0, 0, 2}}};
    std::vector<CookieMask> read;
    Counting counting;
};

using Chunks = std::vector<CookieMask>;

} // namespace

TEST_F(CountingTest, ReadsNoFlowWhileTheSumIsAsBefore)
{
    counting.begin({first, later});
    EXPECT_EQ(counting.question(), (Counting::Question{Of::Sums, {ALL}}));
    answer();
    EXPECT_FALSE(counting.under_way());
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, ReadsTheFlowsOfChunksWhoseSumDiffers)
{
    pass(later);
    EXPECT_EQ(count(), Chunks{later});
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, ReadsFlowsThatChangedWhateverTheirSum)
{
    counting.changed(FIRST);
    EXPECT_EQ(count(), Chunks{first});
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, ReadsNoFlowForOneThatCameOrWentWithoutHavingCounted)
{
    sums.at(first).flows++;
    counting.came(FIRST);
    EXPECT_EQ(count(), Chunks{});
    sums.at(first).flows--;
    counting.went(FIRST);
    EXPECT_EQ(count(), Chunks{});
    counting.came(FIRST); /* And the switch does not know of it. */
    EXPECT_EQ(count(), Chunks{first});
}

TEST_F(CountingTest, SeesWhatOneThatCameCounts)
{
    sums.at(first).flows++;
    counting.came(FIRST);
    pass(first);
    EXPECT_EQ(count(), Chunks{first});
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, SeesLaterWhatCameOrWentWhileItCounted)
{
    pass(first);
    counting.begin({first, later});
    answer(); /* The sum of all, */
    answer(); /* those of chunks. */
    sums.at(first).flows++;
    counting.came(FIRST);
    answer();
    EXPECT_EQ(count(), Chunks{});
    pass(first);
    counting.begin({first, later});
    answer();
    answer();
    sums.at(first).flows--;
    counting.went(FIRST);
    answer();
    EXPECT_EQ(count(), Chunks{first});
}

TEST_F(CountingTest, ReadsAllWhenNothingIsKnown)
{
    counting = Counting();
    EXPECT_EQ(count().size(), 2);
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, SeesLaterWhatCameBetweenASumAndItsFlows)
{
    pass(later);
    counting.begin({first, later});
    answer();
    pass(first);
    answer();
    pass(later);
    pass(first);
    while (counting.under_way()) {
        answer();
    }
    EXPECT_EQ(count().size(), 2);
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, SeesLaterWhatChangedWhileItCounted)
{
    pass(later);
    counting.begin({first, later});
    answer();
    answer();
    counting.changed(LATER);
    answer();
    EXPECT_FALSE(counting.under_way());
    EXPECT_EQ(count(), Chunks{later});
    EXPECT_EQ(count(), Chunks{});
}

TEST_F(CountingTest, ForgetsWhatIsCountedNoMore)
{
    counting.begin({first});
    counting.cancel();
    EXPECT_EQ(count(), Chunks{}) << "the sum of all is as it was";
    pass(first);
    EXPECT_EQ(count().size(), 2);
}

TEST_F(CountingTest, AsksForFewSumsAtOnce)
{
    std::set<CookieMask> chunks;
    for (uint32_t i = 0; i < 100; i++) {
        chunks.insert(*chunk_of({FlowOwner::Egress, 1000 * i}));
    }
    counting.begin(chunks);
    counting.take_sums({{1, 1, 1}});
    EXPECT_LT(counting.question()->what.size(), 10);
    counting.take_sums({{1, 1, 1}});
    EXPECT_EQ(counting.question()->of, Of::Sums) << "not what was asked";
}

TEST(CountingChunk, CoversTheCookiesOfItsOwners)
{
    for (FlowOwner::Kind kind : {FlowOwner::Egress, FlowOwner::Filter}) {
        for (uint32_t number : {1u, 255u, 256u, 0xffffffu}) {
            uint64_t cookie =
                Cookie{{kind, number}, Direction::Outbound, 65535}.encode();
            EXPECT_TRUE(chunk_of({kind, number})->covers(cookie));
            EXPECT_TRUE(ALL.covers(cookie));
            EXPECT_FALSE(chunk_of({kind, 70000})->covers(cookie));
        }
    }
    EXPECT_FALSE(chunk_of({FlowOwner::Tap, 1}));
    EXPECT_FALSE(
        ALL.covers(Cookie{{FlowOwner::Tap, 1}, std::nullopt, 0}.encode()));
}
