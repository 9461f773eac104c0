# What utilities/demo and utilities/check share (POSIX shell, sourced).
# The caller sets 'program' and 'top', the source directory.

die() {
    echo "$program: $*" >&2
    exit 1
}

say() {
    echo "$program: $*"
}

is_installed() {
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed) return 0 ;; *) return 1 ;; esac
}

# need_packages PACKAGE...: installs those that are missing (Debian, root).
need_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        die "packages are missing; as root: apt-get install$missing"
    fi
    say "installing$missing"
    log=$(mktemp)
    # A lock held by another apt (unattended-upgrades) is waited for.
    if { apt-get -qq -o DPkg::Lock::Timeout=300 update &&
         DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
             -o DPkg::Lock::Timeout=300 install --no-install-recommends \
             $missing; } >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install:$missing"
    fi
}

# need_suricata: installs Suricata (Debian, root).  Debian 12 has it in its
# backports alone, as of point release 12.15: then this one run of apt reads
# them beside the system's own lists, which stay as they are.  Where it cannot
# be had, the tests that want it are skipped and counted as such.
need_suricata() {
    command -v dpkg-query >/dev/null && ! is_installed suricata || return 0
    say "installing suricata"
    log=$(mktemp)
    parts=$(mktemp -d)
    chmod a+rx "$parts"
    cp /etc/apt/sources.list.d/* "$parts" 2>/dev/null || :
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")-backports
    echo "deb http://deb.debian.org/debian $release main" \
        >"$parts/mirror-backports.list"
    get="apt-get -qq -y -o DPkg::Lock::Timeout=300"
    with="-o Dir::Etc::SourceParts=$parts -t $release"
    export DEBIAN_FRONTEND=noninteractive
    if { $get update && $get install --no-install-recommends suricata ||
         { $get $with update &&
           $get $with install --no-install-recommends suricata; }
       } >"$log" 2>&1 </dev/null; then
        :
    else
        say "no suricata here, its tests are skipped: $(tail -n 1 "$log")"
    fi
    rm -rf "$log" "$parts"
}

BUILD_PACKAGES="g++ make autoconf automake libtool pkg-config python3
    openvswitch-source libssl-dev libnl-3-dev libnl-route-3-dev
    nlohmann-json3-dev libcap-ng-dev libjemalloc-dev"
RUN_PACKAGES="openvswitch-switch tcpdump"
# Namespaces, links and guests that talk.
ROOT_PACKAGES="iproute2 ethtool procps iputils-ping nftables"

# build DIRECTORY [CONFIGURE-OPTION...]: configures and makes there, keeping
# what an earlier run made.  Sets 'built' to the directory used.
build() {
    built=$1
    shift
    source=$top
    if ! mkdir -p "$built" 2>/dev/null || [ ! -w "$built" ]; then
        die "cannot write to $built: run it as its owner, or set" \
            "XDG_CACHE_HOME to a directory of yours"
    fi
    if [ -e "$top/config.status" ] && [ "$built" != "$top" ]; then
        git -C "$top" rev-parse >/dev/null 2>&1 ||
            die "the source is configured in place: make distclean first"
        # Configured by hand in place; automake builds nowhere else then.  So
        # the sources are copied, with their times, and built there.
        source=$built/source
        mkdir -p "$source"
        (cd "$top" && git ls-files -z --cached --others --exclude-standard |
             tar --null -T - -cf - --ignore-failed-read) |
            tar -C "$source" --keep-newer-files -xf - 2>/dev/null ||
            die "the source is configured in place: make distclean first"
    fi
    log=$built/$program.log
    if {
        # The last that an interrupted boot.sh would have made.
        { [ -x "$source/configure" ] && [ -e "$source/Makefile.in" ] ||
              (cd "$source" && ./boot.sh); } &&
        cd "$built" &&
        { [ -e Makefile ] || "$(realpath "$source")/configure" -q "$@"; } &&
        make -s -j"$(nproc)" ${goals-}
    } >"$log" 2>&1; then
        return 0
    fi
    grep -E 'error|Error|ERROR|warning' "$log" | head -n 20 >&2
    die "the build failed; see $log"
}
