/* Lines from standard input for test programs that run OVS's poll loop. */
#ifndef TESTS_LINE_READER_H
#define TESTS_LINE_READER_H 1

#include <unistd.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <vector>

#include "ovsdb/ovs_c.h"

namespace pm {

class LineReader {
public:
    /* OVS's poll loop takes no descriptor 0. */
    LineReader() : fd_(dup(STDIN_FILENO)) { fcntl(fd_, F_SETFL, O_NONBLOCK); }

    /* The whole lines that have come since the last call. */
    std::vector<std::string> take()
    {
        char chunk[4096];
        ssize_t n;
        while ((n = ::read(fd_, chunk, sizeof chunk)) > 0) {
            buffer_.append(chunk, n);
        }
        eof_ = n == 0;

        std::vector<std::string> lines;
        size_t end;
        while ((end = buffer_.find('\n')) != std::string::npos) {
            lines.push_back(buffer_.substr(0, end));
            buffer_.erase(0, end + 1);
        }
        return lines;
    }
    bool eof() const { return eof_; }
    void wait() const { poll_fd_wait(fd_, POLLIN); }

private:
    int fd_;
    std::string buffer_;
    bool eof_ = false;
};

} // namespace pm

#endif /* TESTS_LINE_READER_H */
