/* Containers whose copies share what they hold (core).
 *
 * Values like any other: "==" compares content, and an edit of one copy is
 * seen in no other, since it takes a container of its own first.  Of thousands
 * of tunnels status rows are kept as read, as desired and as told, and flows
 * as desired and as they are: most say the same.  What is empty takes no
 * memory besides the pointer. */
#ifndef PLUGIN_SHARED_H
#define PLUGIN_SHARED_H 1

#include <compare>
#include <initializer_list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace pm {

template <typename Container> class Shared {
public:
    using value_type = typename Container::value_type;
    using const_iterator = typename Container::const_iterator;
    using iterator = const_iterator;

    Shared() = default;
    Shared(Container container)
    {
        if (!container.empty()) {
            if constexpr (requires { container.shrink_to_fit(); }) {
                container.shrink_to_fit();
            }
            container_ = std::make_shared<Container>(std::move(container));
        }
    }
    Shared(std::initializer_list<value_type> values)
        : Shared(Container(values))
    {
    }

    const Container &get() const
    {
        static const Container nothing;
        return container_ ? *container_ : nothing;
    }
    operator const Container &() const { return get(); }
    const_iterator begin() const { return get().begin(); }
    const_iterator end() const { return get().end(); }
    size_t size() const { return get().size(); }
    bool empty() const { return get().empty(); }

    /* Some other copy has it too. */
    bool is_shared() const { return container_.use_count() > 1; }
    /* The container to edit, which is no other copy's. */
    Container &edit()
    {
        if (!container_) {
            container_ = std::make_shared<Container>();
        } else if (is_shared()) {
            container_ = std::make_shared<Container>(*container_);
        }
        return *container_;
    }

    bool operator==(const Shared &other) const
    {
        return container_ == other.container_ || get() == other.get();
    }
    auto operator<=>(const Shared &other) const
    {
        return get() <=> other.get();
    }

private:
    std::shared_ptr<Container> container_;
};

template <typename T> class SharedVector : public Shared<std::vector<T>> {
public:
    using Shared<std::vector<T>>::Shared;

    const T &operator[](size_t i) const { return this->get()[i]; }
    const T &front() const { return this->get().front(); }
    const T &back() const { return this->get().back(); }
};

template <typename Key, typename T>
class SharedMap : public Shared<std::map<Key, T>> {
public:
    using Shared<std::map<Key, T>>::Shared;
    using key_type = Key;
    using mapped_type = T;

    auto find(const Key &key) const { return this->get().find(key); }
    const T &at(const Key &key) const { return this->get().at(key); }
    size_t count(const Key &key) const { return this->get().count(key); }
    T &operator[](const Key &key) { return this->edit()[key]; }
    size_t erase(const Key &key)
    {
        return count(key) ? this->edit().erase(key) : 0;
    }
};

} // namespace pm

#endif /* PLUGIN_SHARED_H */
