"""The daemon: the poller queries Gluster as root, the web process answers HTTP without privileges."""
