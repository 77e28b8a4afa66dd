"""Opens a virtual function by VFIO as a driver does, and says how far it came: python3 probe.py GROUP ADDRESS [FRAME].

Documentation/driver-api/vfio.rst and linux/vfio.h of the kernel have the calls. With a frame, in hexadecimal digits, it drives
the Intel 82576's virtual function far enough to send that.
"""

import array
import fcntl
import os
import struct
import sys
import time

API, SET_IOMMU, STATUS, SET_CONTAINER, DEVICE, REGION, MAP = (0x3B64 + call for call in (0, 2, 3, 4, 6, 8, 13))
TYPE1 = 1
CONFIG_REGION = 7
PAGE = 4096
# More than any limit of locked memory that a process has by default.
SIZE = 16 << 20
IOVA = 0x1000000


def main(group, address, frame=None):
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    print("api", fcntl.ioctl(container, API))
    group = os.open(f"/dev/vfio/{group}", os.O_RDWR)
    _, flags = struct.unpack("II", fcntl.ioctl(group, STATUS, struct.pack("II", 8, 0)))
    print("viable" if flags & 1 else "not viable")
    fcntl.ioctl(group, SET_CONTAINER, struct.pack("i", container))
    fcntl.ioctl(container, SET_IOMMU, TYPE1)
    # What may be written to has the call's own result returned.
    device = fcntl.ioctl(group, DEVICE, bytearray(address.encode() + b"\0"))
    memory, start = buffer(container)
    print("mapped", SIZE)
    config = region(device, CONFIG_REGION)
    print("device", os.pread(device, 4, config).hex())
    if frame:
        send(device, config, memory, start, bytes.fromhex(frame))


def buffer(container):
    """Memory that the device may read and write at IOVA, and where it begins."""
    memory = array.array("B", bytes(SIZE + PAGE))
    address = memory.buffer_info()[0]
    start = -address % PAGE
    request = struct.pack("IIQQQ", 32, 3, address + start, IOVA, SIZE)
    fcntl.ioctl(container, MAP, request)
    return memory, start


def region(device, index):
    """Where a region of the device begins in its file."""
    info = fcntl.ioctl(device, REGION, struct.pack("IIIIQQ", 32, 0, index, 0, 0, 0))
    return struct.unpack("IIIIQQ", info)[5]


def send(device, config, memory, start, frame):
    """Registers and descriptors as linux/drivers/net/ethernet/intel/igbvf has them."""
    command = struct.unpack("H", os.pread(device, 2, config + 4))[0]
    # Memory space, and bus master.
    os.pwrite(device, struct.pack("H", command | 6), config + 4)
    registers = region(device, 0)

    def read(register):
        return struct.unpack("I", os.pread(device, 4, registers + register))[0]

    def write(register, value):
        os.pwrite(device, struct.pack("I", value), registers + register)

    def until(what, condition):
        for _ in range(500):
            if condition():
                return
            time.sleep(0.01)
        raise TimeoutError(what)

    mailbox, message = 0xC40, 0x800
    # The buffer is this side's (VFU), then a request: E1000_VF_RESET, which the physical function answers with an
    # acknowledgement and the address that it has been told; it lets the queues run.
    until("the mailbox", lambda: write(mailbox, 4) or read(mailbox) & 4)
    write(message, 1)
    write(mailbox, 1)
    until("the physical function's answer", lambda: read(mailbox) & 0x10 or read(message) & 0x80000000)
    answer = struct.pack("III", *(read(message + 4 * word) for word in range(3)))
    print("mac", answer[4:10].hex(":"))
    write(mailbox, 2)
    ring, data = 0, PAGE
    memory[start + data : start + data + len(frame)] = array.array("B", frame)
    # A descriptor of data: DEXT, RS, IFCS, EOP; its length twice.
    descriptor = struct.pack("QII", IOVA + data, 0x2B300000 | len(frame), len(frame) << 14)
    memory[start + ring : start + ring + 16] = array.array("B", descriptor)
    for register, value in ((0x3800, IOVA + ring), (0x3804, 0), (0x3808, PAGE), (0x3810, 0), (0x3818, 0), (0x3828, 1 << 25)):
        write(register, value)
    write(0x3818, 1)
    # What the device writes back.
    until("the frame to be sent", lambda: memory[start + ring + 12] & 1)
    print("sent", len(frame))


main(*sys.argv[1:])
