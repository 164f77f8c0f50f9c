/*
 * Janus offers no candidates of interfaces that are flagged as loopback, whatever
 * its configuration says. For a process that has this loaded first, none is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>

int getifaddrs(struct ifaddrs **list)
{
	int (*original)(struct ifaddrs **) = (int (*)(struct ifaddrs **))dlsym(RTLD_NEXT, "getifaddrs");
	int result = original(list);

	if (result == 0)
		for (struct ifaddrs *i = *list; i; i = i->ifa_next)
			i->ifa_flags &= ~IFF_LOOPBACK;
	return result;
}
