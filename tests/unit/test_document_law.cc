/* Laws over many documents. */
#include <gtest/gtest.h>

#include <random>

#include "plugin/document.h"
#include "plugin/json_fields.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

/* A place in a document: the value itself or one within. */
json *
random_place(json *value, std::mt19937 *random)
{
    while (value->is_structured() && !value->empty() && (*random)() % 6) {
        auto i = value->begin();
        std::advance(i, (*random)() % value->size());
        value = &*i;
    }
    return value;
}

void
mutate(json *doc, std::mt19937 *random)
{
    static const std::vector<json> VALUES = {nullptr,
                                             true,
                                             0,
                                             -1,
                                             1,
                                             32767,
                                             16777216,
                                             9223372036854775807ll,
                                             18446744073709551615ull,
                                             1.5,
                                             "",
                                             "acme",
                                             "beta/beta-dst",
                                             "/",
                                             "web1",
                                             "10.0.0.0/8",
                                             "::/0",
                                             "80-443",
                                             "tcp",
                                             std::string(1001, 'x'),
                                             "\xff\xfe",
                                             std::string("a\0b", 3),
                                             json::array(),
                                             json::object(),
                                             json::array({json::object()}),
                                             json{{"name", "abc"}}};
    json *place = random_place(doc, random);
    switch ((*random)() % 4) {
    case 0:
        *place = VALUES[(*random)() % VALUES.size()];
        break;
    case 1:
        *place = *random_place(doc, random);
        break;
    case 2:
        if (place->is_object()) {
            (*place)["surprise"] = 1;
        } else if (place->is_array()) {
            json copy = *random_place(doc, random);
            place->push_back(copy);
        }
        break;
    case 3:
        if (place->is_structured() && !place->empty()) {
            auto i = place->begin();
            std::advance(i, (*random)() % place->size());
            place->erase(i);
        }
        break;
    }
}

TEST(DocumentLaw, RandomDocumentsAreAppliedWhollyOrRefusedWithReasons)
{
    std::mt19937 random(20240601);
    int applied = 0, refused = 0;
    for (int round = 0; round < 3000; round++) {
        World world;
        if (round % 2) {
            world = settled_world();
        }
        json doc = document();
        for (unsigned n = 1 + random() % 4; n > 0; n--) {
            /* A copy first: a place may be put within itself. */
            json copy = doc;
            mutate(&copy, &random);
            doc = copy;
        }
        const std::string text =
            doc.dump(-1, ' ', false, json::error_handler_t::replace);
        Model before = world.model;
        Edit edit = world.apply_text(text, "", random() % 2);
        if (!edit.problems.empty()) {
            refused++;
            EXPECT_EQ(world.model, before);
            for (const Problem &problem : edit.problems) {
                EXPECT_FALSE(problem.code.empty());
                EXPECT_FALSE(problem.path.empty()) << problem.code;
                EXPECT_FALSE(problem.message.empty()) << problem.code;
                EXPECT_TRUE(valid_utf8(problem.message)) << problem.message;
            }
            continue;
        }
        applied++;
        /* What was taken is taken again as no change, and so is its
         * export. */
        before = world.model;
        Edit again = world.apply_text(text);
        ASSERT_EQ(codes(again.problems), Codes()) << text;
        ASSERT_EQ(again.model, before) << text;
        Edit back = world.apply(export_document(world.model, world.context()),
                                "", true);
        ASSERT_EQ(codes(back.problems), Codes()) << text;
        ASSERT_EQ(back.model, before) << text;
    }
    EXPECT_GT(applied, 100);
    EXPECT_GT(refused, 100);
}

TEST(DocumentLaw, CommandsWithInvalidUtf8AreRefusedToo)
{
    /* A command's JSON is built from arguments, never parsed. */
    std::mt19937 random(7);
    for (int round = 0; round < 2000; round++) {
        World world = settled_world();
        json doc = document();
        mutate(&doc, &random);
        mutate(&doc, &random);
        Edit edit = world.begin_edit();
        EditContext who = world.context(round % 3 ? "" : "acme");
        for (const std::string &kind : document_kinds()) {
            if (doc.is_object() && doc.contains(kind) &&
                doc[kind].is_array()) {
                for (const json &object : doc[kind]) {
                    put(&edit, who, kind, object, kind,
                        static_cast<PutMode>(random() % 3));
                }
            }
        }
        finish(&edit, who);
        for (const Problem &problem : edit.problems) {
            EXPECT_TRUE(valid_utf8(problem.path)) << problem.code;
            EXPECT_TRUE(valid_utf8(problem.message)) << problem.code;
        }
    }
}

TEST(DocumentLaw, BrokenTextsNeverThrow)
{
    std::mt19937 random(99);
    const std::string good = document().dump();
    for (int round = 0; round < 3000; round++) {
        std::string text = good;
        for (unsigned n = 1 + random() % 3; n > 0; n--) {
            size_t at = random() % text.size();
            switch (random() % 3) {
            case 0:
                text[at] = static_cast<char>(random());
                break;
            case 1:
                text.erase(at, random() % 20);
                break;
            case 2:
                text.insert(at, text.substr(random() % text.size(), 9));
                break;
            }
        }
        World world;
        Edit edit = world.apply_text(text);
        for (const Problem &problem : edit.problems) {
            EXPECT_TRUE(valid_utf8(problem.path + problem.message));
        }
    }
}

} // namespace
} // namespace pm
