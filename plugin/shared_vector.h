/* A vector whose copies share what they hold (core).
 *
 * A value like any other, as SharedMap is: "==" compares content, and an edit
 * of one copy is seen in no other.  Flows are kept as desired and as they are,
 * of thousands of tunnels of which both are the same. */
#ifndef PLUGIN_SHARED_VECTOR_H
#define PLUGIN_SHARED_VECTOR_H 1

#include <compare>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace pm {

template <typename T> class SharedVector {
public:
    using Vector = std::vector<T>;
    using value_type = T;
    using const_iterator = typename Vector::const_iterator;
    using iterator = const_iterator;

    SharedVector() = default;
    SharedVector(Vector values)
    {
        if (!values.empty()) {
            values.shrink_to_fit();
            values_ = std::make_shared<Vector>(std::move(values));
        }
    }
    SharedVector(std::initializer_list<T> values)
        : SharedVector(Vector(values))
    {
    }

    const Vector &vector() const
    {
        static const Vector nothing;
        return values_ ? *values_ : nothing;
    }
    operator const Vector &() const { return vector(); }
    const_iterator begin() const { return vector().begin(); }
    const_iterator end() const { return vector().end(); }
    const T &operator[](size_t i) const { return vector()[i]; }
    const T &front() const { return vector().front(); }
    const T &back() const { return vector().back(); }
    size_t size() const { return vector().size(); }
    bool empty() const { return vector().empty(); }

    /* Some other copy has it too. */
    bool is_shared() const { return values_.use_count() > 1; }
    /* The vector to edit, which is no other copy's. */
    Vector &edit()
    {
        if (!values_) {
            values_ = std::make_shared<Vector>();
        } else if (is_shared()) {
            values_ = std::make_shared<Vector>(*values_);
        }
        return *values_;
    }

    bool operator==(const SharedVector &other) const
    {
        return values_ == other.values_ || vector() == other.vector();
    }

private:
    std::shared_ptr<Vector> values_;
};

} // namespace pm

#endif /* PLUGIN_SHARED_VECTOR_H */
