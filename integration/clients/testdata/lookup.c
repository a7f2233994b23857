/* Prints the addresses of each host that it reads, and an empty line behind. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void print(const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN] = "?";
	const void *addr = sa->sa_family == AF_INET6
		? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
		: (const void *)&((const struct sockaddr_in *)sa)->sin_addr;
	puts(inet_ntop(sa->sa_family, addr, text, sizeof text));
}

int main(void)
{
	char host[256];
	setlinebuf(stdout);
	while (fgets(host, sizeof host, stdin)) {
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
		host[strcspn(host, "\n")] = 0;
		int rc = getaddrinfo(host, NULL, &hints, &all);
		for (struct addrinfo *a = all; a; a = a->ai_next)
			print(a->ai_addr);
		if (all)
			freeaddrinfo(all);
		if (rc && rc != EAI_NONAME && rc != EAI_NODATA)
			printf("! %s\n", gai_strerror(rc));
		puts("");
	}
	return 0;
}
