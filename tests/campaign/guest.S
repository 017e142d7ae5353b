# The guest of the campaign: a boot sector that writes numbered blocks to its disk, for ever.
#
#   as --32 -o guest.o guest.S && ld -m elf_i386 -Ttext=0x7c00 --oformat=binary -o guest.bin guest.o
#
# guest.py contains the result, describes the format of a block and reads the log; tests/unit/test_campaign.py
# assembles this file and compares.
#
# At boot the guest reads all slots of its disk, and reports the highest number of a valid block of its generation.
# Then it writes block after block, each to slot NUMBER % SLOTS, and reports each number when the write has completed.
#
# A reported block is on stable storage: SeaBIOS does not negotiate VIRTIO_BLK_F_FLUSH, and QEMU puts such a disk into
# write-through mode (hw/block/virtio-blk.c, virtio_blk_set_status): it completes a write after a flush of the file.
#
# Each sector of a block begins with the generation, the number and a third word that follows from both and from its
# place; its other bytes are zero.  A machine may have to interpret each instruction of real mode: there are few.
#
# Reports go to I/O port 0xe9 (isa-debugcon), one line each, numbers as eight hexadecimal digits:
#   B GENERATION HIGHEST SECTORS   the guest has booted and has read all slots; SECTORS is the size of the disk
#   I GENERATION SLOT              the slot has a block of this generation that is not valid
#   A GENERATION NUMBER            the block has been written and flushed
#   E GENERATION STATUS            the BIOS reported this error (AH); the guest tries again at the next timer tick

        .code16
        .set    SLOTS, 32
        .set    FIRST, 2048                     # sector of slot 0: 1 MiB
        .set    STRIDE, 1024                    # sectors from one slot to the next: 512 KiB
        .set    SECTORS, 8                      # of a block: 4 KiB
        .set    BUFFER, 0x1000
        .set    PARAMETERS, 0x600               # of the drive, from the BIOS
        .set    PACKET, 0x640                   # disk address packet of the BIOS
        .set    HIGHEST, 0x660
        .set    SLOT, 0x664
        .set    DRIVE, 0x80

        .globl  _start
_start: xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        sti

        movw    $PACKET, %di                    # packet: size 16, SECTORS blocks, to 0:BUFFER, sector in 64 bits
        movw    $16, %ax
        stosw
        movw    $SECTORS, %ax
        stosw
        movw    $BUFFER, %ax
        stosw
        xorw    %ax, %ax
        movw    $5, %cx                         # segment and sector
        rep stosw
        movl    %eax, HIGHEST
        movl    %eax, SLOT

        movw    $PARAMETERS, %si                # size of the disk
        movw    $0x1e, (%si)
        movb    $0x48, %ah
        movb    $DRIVE, %dl
        int     $0x13

scan:   movb    $0x42, %ah
        movl    SLOT, %edx
        call    disk
        movw    $BUFFER, %si
        movl    generation, %eax
        cmpl    %eax, (%si)
        jne     next                            # never written by this generation
        movl    4(%si), %ebx                    # the number
        movl    %ebx, %ecx
        andl    $SLOTS-1, %ecx
        cmpl    SLOT, %ecx
        jne     bad
        call    mix
        movw    $SECTORS, %cx
check:  cmpl    %eax, (%si)
        jne     bad
        cmpl    %ebx, 4(%si)
        jne     bad
        cmpl    %edx, 8(%si)
        jne     bad
        incl    %edx
        addw    $512, %si
        loop    check
        cmpl    HIGHEST, %ebx
        jbe     next
        movl    %ebx, HIGHEST
        jmp     next
bad:    movl    SLOT, %ebx
        movb    $'I', %al
        call    report
next:   incl    SLOT
        cmpl    $SLOTS, SLOT
        jb      scan

        movl    HIGHEST, %ebx
        movb    $'B', %al
        call    head
        movl    PARAMETERS+16, %ebx
        call    number
        call    newline

        movw    $BUFFER, %di
        xorl    %eax, %eax
        movw    $SECTORS*128, %cx
        rep stosl
        movl    HIGHEST, %ebx
write:  incl    %ebx
        call    mix
        movw    $BUFFER, %di
        movw    $SECTORS, %cx
fill:   movl    generation, %eax
        stosl
        movl    %ebx, %eax
        stosl
        movl    %edx, %eax
        stosl
        incl    %edx
        addw    $500, %di
        loop    fill
        movw    $0x4300, %ax
        movl    %ebx, %edx
        call    disk
        movb    $'A', %al
        call    report
        movw    ticks, %cx
pause:  hlt                                     # until the next tick of the timer, 18.2 a second
        loop    pause
        jmp     write

# Read (AH 0x42) or write (AX 0x4300) the slot of number EDX; return when that has succeeded.
disk:   andl    $SLOTS-1, %edx
        shll    $10, %edx                       # STRIDE
        addl    $FIRST, %edx
        movl    %edx, PACKET+8
again:  movw    $SECTORS, PACKET+2              # the BIOS stores here how many it has transferred
        movb    $DRIVE, %dl
        movw    $PACKET, %si
        pushal
        int     $0x13
        jnc     2f
        movzbl  %ah, %ebx
        movb    $'E', %al
        call    report
        hlt
        popal
        jmp     again
2:      popal
        ret

# The third word of the first sector of block EBX, in EDX; that of each sector is one more.
mix:    movl    generation, %edx
        xorl    %ebx, %edx
        imull   $1664525, %edx, %edx
        ret

# A line: the letter AL, the generation and the number EBX.
report: call    head
newline:
        movb    $10, %al
        outb    %al, $0xe9
        ret
head:   outb    %al, $0xe9
        pushl   %ebx
        movl    generation, %ebx
        call    number
        popl    %ebx
# A space and the eight hexadecimal digits of EBX.
number: pushw   %cx
        movb    $' ', %al
        outb    %al, $0xe9
        movw    $8, %cx
1:      roll    $4, %ebx
        movb    %bl, %al
        andb    $15, %al
        cmpb    $10, %al
        jb      2f
        addb    $'a'-'0'-10, %al
2:      addb    $'0', %al
        outb    %al, $0xe9
        loop    1b
        popw    %cx
        ret

        .org    0x1f4
ticks:  .word   1                               # from one block to the next
        .org    0x1f8
generation:
        .long   0                               # OS scripts write it here
        .org    0x1fe
        .word   0xaa55
