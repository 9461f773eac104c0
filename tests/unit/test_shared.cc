#include <gtest/gtest.h>

#include <map>
#include <string>

#include "plugin/flat_set.h"
#include "plugin/pool.h"
#include "plugin/seldom.h"
#include "plugin/shared.h"
#include "plugin/shared_text.h"

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
    EXPECT_EQ(Texts{}, Texts(std::map<std::string, std::string>{}));
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

TEST(SharedVector, IsEditedInOneCopyAlone)
{
    SharedVector<int> one = {1, 2};
    SharedVector<int> other = one;
    EXPECT_EQ(&one.get(), &other.get());
    other.edit().push_back(3);
    EXPECT_EQ(one, (SharedVector<int>{1, 2}));
    EXPECT_EQ(other, (SharedVector<int>{1, 2, 3}));
    EXPECT_TRUE(SharedVector<int>().empty());
    EXPECT_EQ(SharedVector<int>(), SharedVector<int>(std::vector<int>{}));
}

TEST(SharedText, IsComparedByWhatItSays)
{
    SharedText one = "drop", other = std::string("drop"), copy = one;
    EXPECT_EQ(one, other);
    EXPECT_EQ(&one.str(), &copy.str());
    EXPECT_EQ(one, "drop");
    EXPECT_LT(one, SharedText("output:1"));
    EXPECT_EQ(SharedText(), SharedText(""));
    EXPECT_EQ(SharedText(), "");
}

TEST(Seldom, IsAsItComesUntilItIsEdited)
{
    struct Part {
        int a = 1;
        bool operator==(const Part &) const = default;
    };
    Seldom<Part> one, other;
    EXPECT_EQ(one->a, 1);
    other.set(&Part::a, 1);
    EXPECT_EQ(&*one, &*other) << "nothing was set";
    other.set(&Part::a, 2);
    Seldom<Part> copy = other;
    copy.edit().a = 1;
    EXPECT_EQ(other->a, 2);
    EXPECT_FALSE(one == other);
    EXPECT_EQ(one, copy);
}

TEST(FlatSet, OfAVectorIsSortedAndHasEachOnce)
{
    FlatSet<int> set({3, 1, 3, 2});
    EXPECT_EQ(std::vector<int>(set.begin(), set.end()),
              (std::vector{1, 2, 3}));
}

TEST(Pool, GivesOneCopyToThoseThatSayTheSame)
{
    Pool<Texts> pool;
    Texts one = {{"a", "1"}}, same = {{"a", "1"}}, another = {{"a", "2"}};
    pool.share(&one);
    pool.share(&same);
    pool.share(&another);
    EXPECT_EQ(&one.get(), &same.get());
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
    EXPECT_EQ(&again.get(), &kept.get());
}

} // namespace
} // namespace pm
