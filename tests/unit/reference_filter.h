/* What a filter means, written for reading; and filters and packets made by
 * chance, aimed at rules' borders.  Nothing here uses the compiler of rules
 * to flows, which is held against it. */
#ifndef TESTS_UNIT_REFERENCE_FILTER_H
#define TESTS_UNIT_REFERENCE_FILTER_H 1

#include <random>
#include <string>
#include <vector>

#include "plugin/model.h"

namespace pm::test {

enum class Fragment { None, First, Later };

/* A parsed packet, as its sender means it. */
struct Packet {
    IpAddress source, destination;
    uint8_t protocol = 0; /* Of the transport, also in later fragments. */
    Fragment fragment = Fragment::None;
    /* Meaningless where the protocol has none or the fragment is a later
     * one. */
    uint16_t source_port = 0, destination_port = 0;
    int icmp_type = 0, icmp_code = 0;
};

/* Whether 'rule' matches, sentence by sentence as the product has it. */
bool means(const Rule &rule, const Packet &packet);
/* Returns the number of the first rule that matches, or 0. */
int first_match(const std::vector<Rule> &rules, const Packet &packet);

/* Chance, the same in each run. */
class Dice {
public:
    int below(int n) { return static_cast<int>(engine_() % n); }
    bool one_in(int n) { return below(n) == 0; }
    template <typename T> const T &of(const std::vector<T> &values)
    {
        return values[below(static_cast<int>(values.size()))];
    }

private:
    std::mt19937 engine_{20240607};
};

/* Ports at which rules begin and end. */
extern const std::vector<int> PORTS;

Rule random_rule(Dice *dice, int number);
/* 'n' rules numbered from 1. */
std::vector<Rule> random_rules(Dice *dice, int n);
Packet random_packet(Dice *dice);
std::string to_string(const Rule &rule);
std::string to_string(const Packet &packet);

} // namespace pm::test

#endif /* TESTS_UNIT_REFERENCE_FILTER_H */
