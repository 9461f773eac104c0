/* ovs-mirrorctl: its files and standard streams. */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

/* Why standard output could not be written; 0: it could. */
int output_error;

void
note_output(bool written)
{
    if (!written && !output_error) {
        output_error = errno ? errno : EIO;
    }
}

/* Appends all that is to be read to '*text'.  Returns 0 or an errno, which is
 * ETIMEDOUT when the end has not come by 'deadline_ms'. */
int
read_to_end(int fd, long long deadline_ms, std::string *text)
{
    for (;;) {
        long long left_ms = deadline_ms - time_msec();
        if (left_ms <= 0) {
            return ETIMEDOUT;
        }
        pollfd ready{fd, POLLIN, 0};
        poll(&ready, 1, static_cast<int>(std::min<long long>(left_ms, 60000)));
        if (!ready.revents) {
            continue;
        }
        char buffer[65536];
        ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return errno;
        } else if (n == 0) {
            return 0;
        } else if (n > 0) {
            text->append(buffer, static_cast<size_t>(n));
        }
    }
}

/* The same of a file.  A FIFO that nobody has opened to write is waited for:
 * opened without O_NONBLOCK it would hold us up past any deadline. */
int
read_file(const std::string &name, long long deadline_ms, std::string *text)
{
    if (name == "-") {
        return read_to_end(STDIN_FILENO, deadline_ms, text);
    }
    int fd = open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = read_to_end(fd, deadline_ms, text);
    close(fd);
    return error;
}

} // namespace

/* Each can be read where we write, and written where we read, so that every
 * attempt fails; only complaints go nowhere. */
void
occupy_standard_streams()
{
    const std::pair<int, int> STREAMS[] = {{STDIN_FILENO, O_WRONLY},
                                           {STDOUT_FILENO, O_RDONLY},
                                           {STDERR_FILENO, O_WRONLY}};
    for (const auto &[fd, mode] : STREAMS) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd) {
            std::exit(EXIT_REFUSED);
        }
    }
}

void
complain(const std::string &code, const std::string &path,
         const std::string &message)
{
    std::cerr << program_name << ": "
              << one_line(code + ": " + path + ": " + message) << "\n";
}

bool
read_files(Settings *settings, const ctl_command *commands, size_t n)
{
    const long long deadline_ms =
        settings->timeout_secs ? settings->deadline_ms() : LLONG_MAX;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(commands[i].syntax->name, "apply") != 0) {
            continue;
        }
        std::string name = commands[i].argv[1];
        if (settings->files.count(name)) {
            continue;
        }
        int error = read_file(name, deadline_ms, &settings->files[name]);
        if (error == ETIMEDOUT) {
            complain("TIMEOUT", name,
                     "the document does not end; nothing was written");
            return false;
        } else if (error) {
            complain("FILE", name,
                     std::string("cannot be read: ") + ovs_strerror(error));
            return false;
        }
    }
    return true;
}

void
print_output(const char *text)
{
    errno = 0;
    note_output(std::fputs(text, stdout) != EOF);
}

void
flush_output()
{
    errno = 0;
    note_output(!std::fflush(stdout) && !std::ferror(stdout));
}

int
finish_output(int status)
{
    flush_output();
    if (!output_error) {
        return status;
    }
    complain("OUTPUT", "standard output",
             std::string("it could not be written: ") +
                 ovs_strerror(output_error) +
                 "; what the commands wrote to the database stays");
    return status == EXIT_DONE ? EXIT_REFUSED : status;
}

} // namespace pm::ctl
