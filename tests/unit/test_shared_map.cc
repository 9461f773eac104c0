#include <gtest/gtest.h>

#include <string>

#include "plugin/pool.h"
#include "plugin/shared_map.h"

namespace pm {
namespace {

using Texts = SharedMap<std::string, std::string>;

TEST(SharedMap, IsEditedInOneCopyAlone)
{
    Texts one = {{"a", "1"}};
    Texts other = one;
    other["a"] = "2";
    other["b"] = "3";
    EXPECT_EQ(one, (Texts{{"a", "1"}}));
    EXPECT_EQ(other, (Texts{{"a", "2"}, {"b", "3"}}));
    one = other;
    EXPECT_EQ(other.erase("a"), 1U);
    EXPECT_EQ(one.at("a"), "2");
    EXPECT_FALSE(other.count("a"));
}

TEST(SharedMap, IsEqualByContent)
{
    Texts one = {{"a", "1"}}, other;
    EXPECT_NE(one, other);
    other["a"] = "1";
    EXPECT_EQ(one, other);
    EXPECT_EQ(Texts{}, Texts(Texts::Map{}));
    Texts emptied = one;
    emptied.erase("a");
    EXPECT_EQ(emptied, Texts{});
    EXPECT_LT(one, (Texts{{"a", "2"}}));
}

TEST(SharedMap, IsReadAsAMapIs)
{
    const Texts none, some = {{"a", "1"}, {"b", "2"}};
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.find("a"), none.end());
    EXPECT_EQ(some.size(), 2U);
    std::string all;
    for (const auto &[key, value] : some) {
        all += key + value;
    }
    EXPECT_EQ(all, "a1b2");
    const std::map<std::string, std::string> &map = some;
    EXPECT_EQ(map.at("b"), "2");
}

TEST(Pool, GivesOneCopyToThoseThatSayTheSame)
{
    Pool<Texts> pool;
    Texts one = {{"a", "1"}}, same = {{"a", "1"}}, another = {{"a", "2"}};
    pool.share(&one);
    pool.share(&same);
    pool.share(&another);
    EXPECT_EQ(&one.map(), &same.map());
    EXPECT_EQ(one, (Texts{{"a", "1"}}));
    EXPECT_EQ(another, (Texts{{"a", "2"}}));
    same["a"] = "3";
    EXPECT_EQ(one.at("a"), "1");
}

TEST(Pool, ForgetsWhatNobodyHasAnyMore)
{
    Pool<Texts> pool;
    Texts kept = {{"kept", ""}};
    pool.share(&kept);
    for (int i = 0; i < 10000; i++) {
        Texts passing = {{std::to_string(i), ""}};
        pool.share(&passing);
        ASSERT_LT(pool.size(), 200U);
    }
    Texts again = {{"kept", ""}};
    pool.share(&again);
    EXPECT_EQ(&again.map(), &kept.map());
}

} // namespace
} // namespace pm
