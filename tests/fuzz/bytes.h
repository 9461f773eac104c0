/* What a fuzzer's input decides.
 *
 * A target draws its decisions from the input one after another; where the
 * input ends, everything that is drawn is zero. */
#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H 1

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pm::fuzz {

class Bytes {
public:
    Bytes(const uint8_t *data, size_t size) : data_(data), left_(size) {}

    bool done() const { return !left_; }
    uint8_t byte()
    {
        if (!left_) {
            return 0;
        }
        left_--;
        return *data_++;
    }
    /* 0 .. n - 1. */
    size_t pick(size_t n)
    {
        size_t value = byte();
        if (n > 256) {
            value = value << 8 | byte();
        }
        return n ? value % n : 0;
    }
    bool flag() { return byte() & 1; }
    template <typename T> const T &one_of(const std::vector<T> &of)
    {
        return of[pick(of.size())];
    }
    uint64_t word()
    {
        uint64_t value = 0;
        for (int i = 0; i < 8; i++) {
            value = value << 8 | byte();
        }
        return value;
    }
    /* Of 'min' to 'max', more often than not near an end or small. */
    int64_t number(int64_t min, int64_t max)
    {
        uint64_t span =
            static_cast<uint64_t>(max) - static_cast<uint64_t>(min);
        uint8_t how = byte();
        uint64_t from_min = how < 64    ? how % 4
                            : how < 128 ? span - how % 4
                            : how < 192 ? byte()
                                        : word();
        uint64_t offset =
            span == UINT64_MAX ? from_min : from_min % (span + 1);
        return static_cast<int64_t>(static_cast<uint64_t>(min) + offset);
    }
    /* Some bytes as they are. */
    std::string raw(size_t max)
    {
        size_t size = std::min(pick(max + 1), left_);
        std::string text(reinterpret_cast<const char *>(data_), size);
        data_ += size;
        left_ -= size;
        return text;
    }
    /* All that is left. */
    std::string rest()
    {
        std::string text(reinterpret_cast<const char *>(data_), left_);
        data_ += left_;
        left_ = 0;
        return text;
    }

private:
    const uint8_t *data_;
    size_t left_;
};

/* Ends the program where a law does not hold, which the fuzzer reports with
 * its input. */
[[noreturn]] void broken(const std::string &law);
inline void
hold(bool holds, const std::string &law)
{
    if (!holds) {
        broken(law);
    }
}

} // namespace pm::fuzz

/* What a target defines. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_FUZZ_BYTES_H */
