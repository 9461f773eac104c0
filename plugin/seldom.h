/* A part of a value that most are without (core).
 *
 * Where all of it is as it comes it takes a pointer and no more: of thousands
 * of tunnels few are delivered in a VPC, and what they need for that is as
 * large as all the rest. */
#ifndef PLUGIN_SELDOM_H
#define PLUGIN_SELDOM_H 1

#include <memory>
#include <utility>

namespace pm {

template <typename T> class Seldom {
public:
    Seldom() = default;
    Seldom(const Seldom &other) { *this = other; }
    Seldom(Seldom &&) noexcept = default;
    Seldom &operator=(const Seldom &other)
    {
        value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
        return *this;
    }
    Seldom &operator=(Seldom &&) noexcept = default;

    const T &operator*() const
    {
        static const T nothing{};
        return value_ ? *value_ : nothing;
    }
    const T *operator->() const { return &**this; }

    T &edit()
    {
        if (!value_) {
            value_ = std::make_unique<T>();
        }
        return *value_;
    }
    /* Takes no memory for a member that stays as it is. */
    template <typename U> void set(U T::*member, const U &value)
    {
        if (!(**this.*member == value)) {
            edit().*member = value;
        }
    }

    bool operator==(const Seldom &other) const
    {
        return (!value_ && !other.value_) || **this == *other;
    }

private:
    std::unique_ptr<T> value_;
};

} // namespace pm

#endif /* PLUGIN_SELDOM_H */
