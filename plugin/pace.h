/* How much a hypervisor asks of the control database's server at once, and
 * when it comes back to one that it has lost (core).
 *
 * A row that is written costs a server time for each of its sessions, and
 * rows that many sessions write at the same moment are kept once for every
 * one of these.  So a few rows, as a change makes them, go at any time, and
 * many wait for this hypervisor's turn (ovsdb/turn.h). */
#ifndef PLUGIN_PACE_H
#define PLUGIN_PACE_H 1

#include <cstddef>
#include <cstdint>

namespace pm {

class Pace {
public:
    /* One tunnel's change, with its filter's and the like. */
    static constexpr size_t FEW = 4;
    /* Rows of a turn: at first, and within which bounds. */
    static constexpr size_t FIRST = 500, LEAST = 16, MOST = 2000;
    /* How long others may have to wait because of a turn. */
    static constexpr int64_t TURN_MS = 500;

    /* Rows that may be written now, in this hypervisor's turn or without. */
    size_t rows(bool in_turn) const { return in_turn ? turn_rows_ : FEW; }
    /* After a turn's rows it took the server so long to answer again: by
     * then it has told its other sessions of them. */
    void took(size_t rows, int64_t ms);

private:
    size_t turn_rows_ = FIRST;
};

/* When to try again what was refused: soon, since mostly something else came
 * between, and ever more seldom where each attempt is refused. */
class Backoff {
public:
    static constexpr int64_t FIRST_MS = 10, LONGEST_MS = 8000;

    explicit Backoff(int64_t first_ms = FIRST_MS,
                     int64_t longest_ms = LONGEST_MS)
        : first_ms_(first_ms), longest_ms_(longest_ms)
    {
    }
    void refused(int64_t now_ms);
    void done() { pause_ms_ = ends_ms_ = 0; }
    bool is_over(int64_t now_ms) const { return now_ms >= ends_ms_; }
    int64_t ends_ms() const { return ends_ms_; }

private:
    int64_t first_ms_, longest_ms_;
    int64_t pause_ms_ = 0; /* The last one. */
    int64_t ends_ms_ = 0;  /* When it ends. */
};

/* When to connect again.  A server that ends loses all of its sessions at
 * the same moment: they come back one by one, since each chooses at random,
 * and ever more seldom where there is none. */
class Comeback {
public:
    static constexpr int64_t FIRST_MS = 1000, LONGEST_MS = 8000;
    static constexpr int64_t FIRST_ATTEMPT_MS = 2000,
                             LONGEST_ATTEMPT_MS = 60000;

    /* How long to wait, from now, after a connection that stood or an
     * attempt that failed; 'random' is any number. */
    int64_t delay_ms(uint32_t random);
    /* How long an attempt may take until the server answers for the first
     * time.  Where more connect than it takes in, the kernel drops what ends
     * a handshake, and who believes to be connected would wait a minute for
     * his words to be sent again (listen(2), tcp(7)). */
    int64_t attempt_ms() const { return attempt_ms_; }
    /* An attempt took so long: the server may be slow, and is given longer. */
    void ran_out();
    /* A connection stands, and all that was asked for has come. */
    void stood() { *this = Comeback(); }
    /* Until when a server that was asked for all rows, and has sent them, is
     * given time: as long again, since it has others to send them to. */
    static int64_t calm_ms(int64_t asked_ms, int64_t sent_ms)
    {
        return sent_ms + (sent_ms - asked_ms);
    }

private:
    int64_t most_ms_ = FIRST_MS; /* Of the next delay. */
    int64_t attempt_ms_ = FIRST_ATTEMPT_MS;
};

/* How long a hypervisor keeps its place in the queue: order is good, but what
 * is to be written must be, whoever holds up the others. */
class Patience {
public:
    /* At least, and twice this at most. */
    static constexpr int64_t LEAST_MS = 300000;

    /* It has begun to wait; 'random' is any number. */
    void begin(int64_t now_ms, uint32_t random);
    bool is_over(int64_t now_ms) const { return now_ms >= ends_ms_; }
    int64_t ends_ms() const { return ends_ms_; }
    /* It has left the queue, and whether its turn had come.  A queue in which
     * it never did is not waited in again. */
    void end(int64_t now_ms, bool served);

private:
    int64_t ends_ms_ = 0;
    bool lost_ = false;
};

} // namespace pm

#endif /* PLUGIN_PACE_H */
