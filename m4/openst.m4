# SPDX-License-Identifier: GPL-2.0-or-later

# OST_NEED_PKG(MODULE, DEBIAN PACKAGE): stop unless pkg-config knows MODULE.
AC_DEFUN([OST_NEED_PKG], [
	PKG_CHECK_EXISTS([$1], [],
		[AC_MSG_ERROR([$1 is missing (on Debian: apt-get install $2); or use --without-openocd])])
])

# OST_OPENOCD_TREE: from $with_openocd, set OPENOCD_SRC (absolute; empty without) and check what its build needs.
AC_DEFUN([OST_OPENOCD_TREE], [
	OPENOCD_SRC=
	AS_CASE([$with_openocd],
		[no], [],
		[yes], [OPENOCD_SRC=$OPENST_DEPS/openocd-0.12.0
			AS_IF([test ! -f "$OPENOCD_SRC/src/main.c"],
				[AC_MSG_ERROR([no OpenOCD source: run contrib/deps/fetch-openocd, or give a tree of OpenOCD, 0.12 or later, with --with-openocd=DIR, or do without it: --without-openocd])])],
		[OPENOCD_SRC=`cd "$with_openocd" 2>/dev/null && pwd`
			AS_IF([test -z "$OPENOCD_SRC" || test ! -f "$OPENOCD_SRC/src/main.c"],
				[AC_MSG_ERROR([--with-openocd: '$with_openocd' is not a source tree of OpenOCD])])])
	AS_IF([test -n "$OPENOCD_SRC"], [
		AS_IF([test ! -f "$OPENOCD_SRC/configure"],
			[AC_MSG_ERROR([$OPENOCD_SRC has no configure script: run './bootstrap nosubmodule' in it first])])
		AS_IF([test -f "$OPENOCD_SRC/config.status"],
			[AC_MSG_ERROR([$OPENOCD_SRC was configured in place: run 'make distclean' in it first])])
		AC_MSG_CHECKING([which OpenOCD is in $OPENOCD_SRC])
		OPENOCD_TREE_VERSION=`$SED -n "s/^PACKAGE_VERSION='\(.*\)'/\1/p" "$OPENOCD_SRC/configure"`
		AC_MSG_RESULT([$OPENOCD_TREE_VERSION])
		AS_CASE([$OPENOCD_TREE_VERSION], [0.12.0*], [],
			[AC_MSG_WARN([OpenST is tested with OpenOCD 0.12.0 and its development tree (0.12.0+dev)])])
		OST_NEED_PKG([libusb-1.0], [libusb-1.0-0-dev])
		OST_NEED_PKG([hidapi-hidraw], [libhidapi-dev])
		OST_NEED_PKG([libftdi1], [libftdi1-dev])
		OST_NEED_PKG([libjaylink], [libjaylink-dev])
		AC_CHECK_HEADER([jim.h], [],
			[AC_MSG_ERROR([Jim Tcl is missing (on Debian: apt-get install libjim-dev); or use --without-openocd])])
		OPENOCD_FLAGS="--disable-werror --disable-doxygen-html --disable-internal-jimtcl --disable-internal-libjaylink --without-capstone --disable-dependency-tracking --enable-jlink --enable-ftdi --enable-cmsis-dap --enable-cmsis-dap-v2 --enable-remote-bitbang --enable-vdebug --enable-dummy $OPENOCD_CONFIGURE_FLAGS"
		# A file that changes when, and only when, OpenOCD must be configured anew.
		AC_CONFIG_COMMANDS([openocd-build/flags], [
			echo "$ost_openocd_key" >openocd-build/flags.new
			if cmp -s openocd-build/flags.new openocd-build/flags; then
				rm -f openocd-build/flags.new
			else
				mv -f openocd-build/flags.new openocd-build/flags
			fi
		], [ost_openocd_key='$OPENOCD_SRC $OPENOCD_TREE_VERSION $CC $OPENOCD_FLAGS $prefix $bindir $datadir'])
	])
	AC_SUBST([OPENOCD_SRC])
	AC_SUBST([OPENOCD_FLAGS])
])
