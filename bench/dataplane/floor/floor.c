// The floor: what the kernel charges for receiving a query and sending a reply, in
// batches, when nothing is done in between but to set the bit that makes it a reply.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { BATCH = 64, SIZE = 2048 };

int main(int argc, char **argv) {
	static char data[BATCH][SIZE];
	static struct mmsghdr in[BATCH];
	static struct iovec iov[BATCH];
	static struct sockaddr_in from[BATCH];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		perror("bind");
		return 1;
	}
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){data[i], SIZE};
			in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &iov[i], .msg_iovlen = 1};
		}
		int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0) {
			perror("recvmmsg");
			return 1;
		}
		for (int i = 0; i < n; i++) {
			iov[i].iov_len = in[i].msg_len;
			data[i][2] |= (char)0x80;
		}
		for (int sent = 0, now; sent < n; sent += now)
			if ((now = sendmmsg(fd, in + sent, n - sent, 0)) < 0) {
				perror("sendmmsg");
				return 1;
			}
	}
}
