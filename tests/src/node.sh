# Process 1 of a node: makes its own places private, then waits until standard input ends, and the node with it.
set -eu
# The old /proc still shows the number that the machine knows this process by.
read -r pid _ </proc/self/stat
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
for directory in /opt /var/lib /var/log; do
    mount -t tmpfs -o mode=755 tmpfs "$directory"
done
rm -rf /etc/cni
mkdir -p /etc/cni/net.d /opt/cni/bin /run/lock /run/netns /var/lib/cni
ip link set lo up
echo "$pid"
read -r _ || true
