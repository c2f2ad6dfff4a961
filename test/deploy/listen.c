/* listen PATH: waits for datagrams as systemd does and prints each on a line, until one says STOPPING=1. A path that
 * begins with @ is an abstract name, unix(7). Prints `listening` when it can be sent to. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int count, char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[256];
    int end = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (count != 2 || strlen(words[1]) >= sizeof address.sun_path) return 2;
    strcpy(address.sun_path, words[1]);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(words[1]);
    if (address.sun_path[0] == '@') address.sun_path[0] = 0;
    if (bind(end, (struct sockaddr *)&address, size) != 0) return perror("bind"), 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("listening");
    for (;;) {
        ssize_t length = recv(end, text, sizeof text - 1, 0);
        if (length < 0) return perror("recv"), 1;
        text[length] = 0;
        puts(text);
        if (strcmp(text, "STOPPING=1") == 0) return 0;
    }
}
