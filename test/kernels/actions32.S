// A program of 32 bits for arm, with its own ELF header: it is made without a linker. It reads two bytes behind the fourth
// GiB of /root/link, connects to a port where nobody listens, and removes a folder.
.syntax unified
.arm
.text
.set base, 0x10000

header:
  .byte 0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
  .short 2, 40                          // ET_EXEC, EM_ARM
  .word 1, base + (start - header), segment - header, 0
  .word 0x05000000                      // EABI 5
  .short segment - header, start - segment, 1, 0, 0, 0
segment:
  .word 1, 0, base, base, end - header, end - header
  .word 7, 0x1000

start:
  mvn r0, #99                           // AT_FDCWD
  adr r1, link
  mov r2, #0
  ldr r7, =322                          // openat
  svc 0
  adr r1, buffer
  mov r2, #2
  mov r4, #2                            // a position begins with an even register
  mov r5, #1
  mov r7, #180                          // pread64
  svc 0
  mov r0, #2                            // AF_INET
  mov r1, #1                            // SOCK_STREAM
  mov r2, #0
  ldr r7, =281                          // socket
  svc 0
  adr r1, address
  mov r2, #16
  ldr r7, =283                          // connect
  svc 0
  mvn r0, #99
  adr r1, folder
  mov r2, #0x200                        // AT_REMOVEDIR
  ldr r7, =328                          // unlinkat
  svc 0
  mov r0, #0
  mov r7, #1                            // exit
  svc 0
  .ltorg

link: .asciz "/root/link"
folder: .asciz "gone32"
  .balign 4
address: .byte 2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
buffer: .space 4
end:
