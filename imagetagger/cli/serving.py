"""The commands `serve` and `webapp`."""

import argparse

from imagetagger.cli.terminal import print_line
from imagetagger.everyday import everyday_bundle
from imagetagger.system.printable import printable_lines


def run_serve(options: argparse.Namespace) -> int | str:
    """Serve the app, and open it in the browser."""
    import threading
    import webbrowser

    from imagetagger.bundle.reader import read_bundle
    from imagetagger.web.server import ServeError, Server, greeting, run_server, tls_context
    from imagetagger.web.site import SiteError, build_site

    if options.keyfile and not options.certfile:
        return "got --keyfile without --certfile: name the certificate too"
    try:
        files = build_site(read_bundle(options.bundle or everyday_bundle()))
        tls = tls_context(options.certfile, options.keyfile) if options.certfile else None
        server = Server(options.host, options.port, files, tls, options.host_name)
    except (ServeError, SiteError) as error:
        return str(error)
    print(printable_lines(greeting(server)), flush=True)
    if not options.no_browser:
        threading.Thread(target=webbrowser.open, args=server.addresses[:1], daemon=True).start()
    run_server(server)
    return 0


def run_webapp(options: argparse.Namespace) -> int | str:
    """Write the app as files for any web host."""
    from imagetagger.bundle.reader import read_bundle
    from imagetagger.web.site import SiteError, write_site

    bundle = options.bundle or everyday_bundle()
    if options.out.resolve().is_relative_to(bundle.resolve()):
        return f"got {options.out}, which is inside the bundle: name a folder outside"
    try:
        files = write_site(read_bundle(bundle), options.out)
    except SiteError as error:
        return str(error)
    size = sum(map(len, files.values())) / 1e6
    print_line(f"{options.out}: the app with the bundle, {len(files)} files, {size:.1f} MB.")
    print_line("Any web host with HTTPS can serve it, in a sub-folder too. `_headers` is for hosts that read it.")
    return 0
