// Package service is the program as a service of a Linux system, under systemd:
//
//	Notifier   tells the service manager what the program is doing, over the
//	           datagram socket that NOTIFY_SOCKET names
//	Watch      feeds the watchdog while the program is truly alive
//	Unit       the unit file; deploy/systemd has the same text
//	Install    writes the unit, a first configuration and the folder of the secrets
//	Main       longwire install, the command line of it
//
// Nothing here needs systemd to be there: without NOTIFY_SOCKET nothing is told,
// without WATCHDOG_USEC nothing is fed. Install only writes files and prints what
// to do next; it starts nothing.
package service
