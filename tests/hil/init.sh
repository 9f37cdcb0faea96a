#!/bin/busybox sh
# The guest's first process: file systems, modules, udev, the network, a shell for the test, and waybind.
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /etc /usr/bin /usr/sbin /sbin /data
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run

# waybind's user has one group of its own: what it may open, the shipped udev rules gave it
printf 'root:x:0:0::/:/bin/sh\nwaybind:x:900:900::/:/bin/sh\n' >/etc/passwd
printf '%s\n' root:x:0: tty:x:5: disk:x:6: lp:x:7: kmem:x:15: dialout:x:20: cdrom:x:24: tape:x:26: audio:x:29: \
    video:x:44: input:x:105: render:x:106: kvm:x:107: sgx:x:108: waybind:x:900: >/etc/group

for module in $(cat /modules/order); do
    options=
    [ "$module" = dummy_hcd ] && options=num=4
    insmod "/modules/$module.ko" $options || echo "$module can't be loaded"
done
mount -t configfs config /sys/kernel/config

/sbin/udevd --daemon
udevadm trigger --action=add
udevadm settle -t 20

# the disk outlives the guest; a power cut is repaired by its journal
mount -t ext4 /dev/vda /data && chown waybind /data

ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
nc -ll -p 9090 -e /bin/sh &
# what a service manager does: it is started again whenever it ends
while :; do
    su -s /bin/sh -c 'exec /bin/waybind serve --config /etc/waybind.toml' waybind </dev/null
    sleep 1
done &

while :; do wait; sleep 1; done
