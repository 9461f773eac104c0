#include "plugin/contest.h"

#include <algorithm>

#include "flows/pipeline.h"

namespace pm {

namespace {

template <typename Row>
void
note_in_force(const std::map<std::string, Row> &actual,
              const std::map<std::string, Row> &desired,
              std::map<std::string, Row> *in_force)
{
    std::erase_if(*in_force, [&](const auto &known) {
        auto row = desired.find(known.first);
        return row == desired.end() || !(row->second == known.second);
    });
    for (const auto &[name, row] : desired) {
        auto is = actual.find(name);
        if (is != actual.end() && is->second == row) {
            in_force->insert_or_assign(name, row);
        }
    }
}

/* Whether writing 'name' as desired is to put back what was there. */
template <typename Row>
bool
is_repair(const std::string &name, const std::map<std::string, Row> &desired,
          const std::map<std::string, Row> &in_force)
{
    auto row = desired.find(name);
    auto was = in_force.find(name);
    return row != desired.end() && was != in_force.end() &&
           was->second == row->second;
}

} // namespace

void
Contest::saw(const SwitchRows &actual, const SwitchRows &desired)
{
    note_in_force(actual.bridges, desired.bridges, &in_force_.bridges);
    note_in_force(actual.ports, desired.ports, &in_force_.ports);
    note_in_force(actual.mirrors, desired.mirrors, &in_force_.mirrors);
}

/* Each INTERVAL_MS gives one repair back. */
bool
Contest::spend(const std::string &bridge, const std::string &what,
               int64_t now_ms)
{
    Account *account = &accounts_[what];
    account->bridge = bridge;
    int64_t returned = (now_ms - account->since_ms) / INTERVAL_MS;
    if (returned >= account->spent) {
        account->spent = 0;
        account->since_ms = now_ms;
    } else {
        account->spent -= static_cast<int>(returned);
        account->since_ms += returned * INTERVAL_MS;
    }
    if (account->spent >= BURST) {
        account->until_ms = account->since_ms + INTERVAL_MS;
        return false;
    }
    account->spent++;
    account->until_ms = 0;
    return true;
}

void
Contest::restrain(std::vector<RowEdit> *edits, const SwitchRows &desired,
                  int64_t now_ms)
{
    std::erase_if(accounts_, [&](const auto &known) {
        return now_ms >= known.second.since_ms + BURST * INTERVAL_MS;
    });
    std::erase_if(*edits, [&](const RowEdit &edit) {
        if (edit.op == RowEdit::Op::Delete) {
            return false;
        }
        const std::string &name = edit.name;
        switch (edit.kind) {
        case RowEdit::Kind::Bridge:
            return is_repair(name, desired.bridges, in_force_.bridges) &&
                   !spend(name, "Bridge " + name, now_ms);
        case RowEdit::Kind::Port:
            return is_repair(name, desired.ports, in_force_.ports) &&
                   !spend(desired.ports.at(name).bridge, "Port " + name,
                          now_ms);
        case RowEdit::Kind::Mirror:
            return is_repair(name, desired.mirrors, in_force_.mirrors) &&
                   !spend(desired.mirrors.at(name).bridge, "Mirror " + name,
                          now_ms);
        }
        return false;
    });
}

bool
Contest::flows_changed(const std::string &bridge, const FlowLoss &loss,
                       int64_t now_ms)
{
    FlowLoss &lost = lost_[bridge];
    lost.deleted.insert(loss.deleted.begin(), loss.deleted.end());
    lost.changed.insert(loss.changed.begin(), loss.changed.end());
    return spend(bridge, "flows of " + bridge, now_ms);
}

void
Contest::restrain(const std::string &bridge, std::vector<FlowEdit> *edits,
                  int64_t now_ms)
{
    auto lost = lost_.find(bridge);
    if (lost == lost_.end()) {
        return;
    }
    if (!waits(bridge, now_ms)) {
        lost_.erase(lost);
        return;
    }
    std::set<Flow> &deleted = lost->second.deleted;
    std::set<Flow> &changed = lost->second.changed;
    std::erase_if(*edits, [&](FlowEdit &edit) {
        if (edit.op != FlowEdit::Op::Add || !hands_on(edit.flow)) {
            return false;
        }
        if (auto is_wrong = changed.extract(edit.flow)) {
            edit.op = FlowEdit::Op::Delete;
            deleted.insert(std::move(is_wrong));
            return false;
        }
        return deleted.count(edit.flow) > 0;
    });
}

/* Whether repairs of the bridge's flows wait. */
bool
Contest::waits(const std::string &bridge, int64_t now_ms) const
{
    auto account = accounts_.find("flows of " + bridge);
    return account != accounts_.end() && now_ms < account->second.until_ms;
}

std::map<std::string, std::string>
Contest::waiting(int64_t now_ms) const
{
    std::map<std::string, std::string> waiting;
    for (const auto &[what, account] : accounts_) {
        if (now_ms < account.until_ms) {
            waiting.try_emplace(account.bridge, what);
        }
    }
    return waiting;
}

std::set<std::string>
Contest::remembered(int64_t now_ms) const
{
    std::set<std::string> bridges;
    for (const auto &[what, account] : accounts_) {
        if (now_ms < account.since_ms + BURST * INTERVAL_MS) {
            bridges.insert(account.bridge);
        }
    }
    return bridges;
}

Contest::News
Contest::take_news(int64_t now_ms)
{
    News news;
    std::map<std::string, std::string> waiting = this->waiting(now_ms);
    if (waiting == told_) {
        return news;
    }
    std::set<std::string> remembered = this->remembered(now_ms);
    std::erase_if(said_, [&](const std::string &bridge) {
        return !remembered.count(bridge);
    });
    for (const auto &[bridge, what] : told_) {
        news.bridges.insert(bridge);
    }
    for (const auto &[bridge, what] : waiting) {
        news.bridges.insert(bridge);
        if (said_.insert(bridge).second) {
            news.began[bridge] = what;
        }
    }
    told_ = std::move(waiting);
    return news;
}

int64_t
Contest::next_ms(int64_t now_ms) const
{
    int64_t next = 0;
    for (const auto &[what, account] : accounts_) {
        if (now_ms < account.until_ms) {
            next = next ? std::min(next, account.until_ms) : account.until_ms;
        }
    }
    return next;
}

} // namespace pm
