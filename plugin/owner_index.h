/* Who has which owner's flows, found from either side (core). */
#ifndef PLUGIN_OWNER_INDEX_H
#define PLUGIN_OWNER_INDEX_H 1

#include <compare>
#include <map>
#include <string>

#include "flows/pipeline.h"
#include "plugin/flat_set.h"
#include "plugin/value_of.h"

namespace pm {

/* One owner's flows on one of our bridges. */
struct OwnerKey {
    std::string bridge;
    FlowOwner owner;

    auto operator<=>(const OwnerKey &) const = default;
};

/* A user (a NIC, a bridge) has one owner's flows at a time; by status rows
 * that lie, several may have the same. */
template <typename User> class OwnerIndex {
public:
    /* The owner whose flows 'user' has, or nullptr. */
    const OwnerKey *of(const User &user) const
    {
        return value_of(by_user_, user);
    }
    const FlatSet<User> &users(const OwnerKey &owner) const
    {
        static const FlatSet<User> none;
        const FlatSet<User> *users = value_of(by_owner_, owner);
        return users ? *users : none;
    }
    const std::map<User, OwnerKey> &all() const { return by_user_; }

    void set(const User &user, const OwnerKey &owner)
    {
        const OwnerKey *had = of(user);
        if (had && *had == owner) {
            return;
        }
        erase(user);
        by_user_[user] = owner;
        by_owner_[owner].insert(user);
    }
    void erase(const User &user)
    {
        auto had = by_user_.find(user);
        if (had == by_user_.end()) {
            return;
        }
        auto users = by_owner_.find(had->second);
        users->second.erase(user);
        if (users->second.empty()) {
            by_owner_.erase(users);
        }
        by_user_.erase(had);
    }

private:
    std::map<User, OwnerKey> by_user_;
    std::map<OwnerKey, FlatSet<User>> by_owner_;
};

} // namespace pm

#endif /* PLUGIN_OWNER_INDEX_H */
