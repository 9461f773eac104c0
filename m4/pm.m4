dnl AX_PM_CXX20: adds -std=gnu++20 to CXX or fails.
AC_DEFUN([AX_PM_CXX20], [
  CXX="$CXX -std=gnu++20"
  AC_MSG_CHECKING([whether $CXX works])
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
    #include <compare>
    struct s { int x; auto operator<=>(const s &) const = default; };
    static_assert(s{1} < s{2});]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([a C++20 compiler is needed (g++ 12 is known good)])])])

dnl PM_CHECK_OVS: finds or builds libopenvswitch, sets OVS_SRCDIR and
dnl OVS_BUILDDIR.
AC_DEFUN([PM_CHECK_OVS], [
  AC_ARG_WITH([ovs-source],
    [AS_HELP_STRING([--with-ovs-source=DIR],
       [Open vSwitch source directory (default: built once from Debian's openvswitch-source)])],
    [OVS_SRCDIR=`cd "$withval" && pwd`], [OVS_SRCDIR=])
  AC_ARG_WITH([ovs-build],
    [AS_HELP_STRING([--with-ovs-build=DIR],
       [Open vSwitch build directory (default: the source directory)])],
    [OVS_BUILDDIR=`cd "$withval" && pwd`], [OVS_BUILDDIR=$OVS_SRCDIR])
  AS_IF([test -z "$OVS_SRCDIR"], [
    pm_ovs=`"$srcdir/utilities/build-ovs"` || AC_MSG_ERROR([no libopenvswitch to link with: see above])
    OVS_SRCDIR=`echo "$pm_ovs" | tail -n 1 | cut -d' ' -f1`
    OVS_BUILDDIR=`echo "$pm_ovs" | tail -n 1 | cut -d' ' -f2`])
  AC_MSG_CHECKING([for libopenvswitch in $OVS_BUILDDIR])
  AS_IF([test -e "$OVS_BUILDDIR/lib/libopenvswitch.la"], [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$OVS_BUILDDIR/lib/libopenvswitch.la is missing: build Open vSwitch first])])
  AS_IF([test -e "$OVS_BUILDDIR/ovsdb/ovsdb-idlc"], [],
    [AC_MSG_ERROR([$OVS_BUILDDIR/ovsdb/ovsdb-idlc is missing: build Open vSwitch first])])
  AC_MSG_CHECKING([the Open vSwitch version])
  OVS_VERSION=`sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$OVS_BUILDDIR/config.h"`
  AC_MSG_RESULT([$OVS_VERSION])
  dnl The internal API moves between releases.  Built and tested with 3.1.
  AS_CASE([$OVS_VERSION],
    [3.1.*], [],
    [AC_MSG_WARN([libopenvswitch $OVS_VERSION is untried; 3.1 is known good])])
  AC_SUBST([OVS_SRCDIR])
  AC_SUBST([OVS_BUILDDIR])
  AC_SUBST([OVS_VERSION])])
