#include <gtest/gtest.h>

#include "plugin/children.h"

namespace pm {

namespace {

Uuid
id(uint32_t n)
{
    Uuid uuid;
    uuid.parts = {n, 0, 0, 0};
    return uuid;
}

FlatSet<Uuid>
ids(std::initializer_list<uint32_t> numbers)
{
    FlatSet<Uuid> set;
    for (uint32_t n : numbers) {
        set.insert(id(n));
    }
    return set;
}

TEST(Children, AreFoundFromEitherSide)
{
    Children children;
    EXPECT_EQ(children.of(id(1)), ids({}));
    EXPECT_EQ(children.parents_of(id(10)), ids({}));
    children.set(id(1), {id(10), id(11)});
    children.set(id(2), {id(11)});
    EXPECT_EQ(children.of(id(1)), ids({10, 11}));
    EXPECT_EQ(children.parents_of(id(10)), ids({1}));
    EXPECT_EQ(children.parents_of(id(11)), ids({1, 2})) << "in common";
}

TEST(Children, ThatAreNoMoreHaveThatParentNoMore)
{
    Children children;
    children.set(id(1), {id(10), id(11)});
    children.set(id(2), {id(11)});
    children.set(id(1), {id(12)});
    EXPECT_EQ(children.of(id(1)), ids({12}));
    EXPECT_EQ(children.parents_of(id(10)), ids({}));
    EXPECT_EQ(children.parents_of(id(11)), ids({2}));
    children.erase(id(2));
    children.erase(id(3));
    EXPECT_EQ(children.of(id(2)), ids({}));
    EXPECT_EQ(children.parents_of(id(11)), ids({}));
    children.clear();
    EXPECT_EQ(children.parents_of(id(12)), ids({}));
}

} // namespace

} // namespace pm
