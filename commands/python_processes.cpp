#include "commands/python_processes.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace coreheap::commands {

namespace {

using image::ListedProcess;

std::string_view base_name(std::string_view path) {
  if (path.ends_with(" (deleted)")) path.remove_suffix(std::string_view(" (deleted)").size());
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "3.11" of "3.11-dbg", "3.11.so.1.0"; empty when no version begins there.
std::string version_at(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i == 0 || i >= text.size() || text[i] != '.') return {};
  std::size_t j = i + 1;
  while (j < text.size() && is_digit(text[j])) ++j;
  return j == i + 1 ? std::string() : std::string(text.substr(0, j));
}

// A file that only an interpreter maps; its version where the name says so.
struct Sign {
  bool python = false;
  std::string version;
};

Sign sign_of(std::string_view path) {
  const std::string_view name = base_name(path);
  for (const std::string_view prefix : {"libpython", "python", "pypy"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view rest = name.substr(prefix.size());
    // "python", "python3", "python3.11", "libpython3.so": but not "python-apt.so".
    if (rest.empty() || is_digit(rest[0])) return {prefix != "pypy", version_at(rest)};
  }
  // An extension module: "x.cpython-311-x86_64-linux-gnu.so".
  constexpr std::string_view kTag = ".cpython-";
  if (const std::size_t at = name.find(kTag); at != name.npos) {
    const std::string_view digits = name.substr(at + kTag.size());
    std::size_t n = 0;
    while (n < digits.size() && is_digit(digits[n])) ++n;
    if (n >= 2)
      return {true, std::string(1, digits[0]) + "." + std::string(digits.substr(1, n - 1))};
  }
  if (path.find("/lib-dynload/") != path.npos) {
    const std::size_t at = path.find("/python");
    return {true, at == path.npos ? std::string() : version_at(path.substr(at + 7))};
  }
  return {};
}

struct Named {
  std::string_view prefix;  // of the file's name
  std::string_view name;
  bool whole = false;  // that is all of it
};
constexpr std::array kAllocators = {
    Named{"libc.so.6", "glibc"},         Named{"libc-2.", "glibc"},
    Named{"ld-musl-", "musl"},           Named{"libc.musl-", "musl"},
    Named{"libjemalloc.so", "jemalloc"}, Named{"libtcmalloc", "tcmalloc"},
    Named{"libmimalloc.so", "mimalloc"}, Named{"libtbbmalloc", "tbbmalloc"},
    Named{"libc.so", "musl", true},      Named{"libsnmalloc.so", "snmalloc"},
    Named{"libhoard.so", "hoard"},
};

std::string allocators_of(const std::vector<std::string>& files) {
  std::string text;
  for (const Named& allocator : kAllocators) {
    const bool loaded = std::any_of(files.begin(), files.end(), [&](const std::string& file) {
      const std::string_view name = base_name(file);
      return allocator.whole ? name == allocator.prefix : name.starts_with(allocator.prefix);
    });
    if (!loaded || text.find(allocator.name) != text.npos) continue;
    if (!text.empty()) text += ", ";
    text += allocator.name;
  }
  return text;
}

// What the words of a command line say. `server`: its processes are one parent and its workers.
struct Program {
  std::string_view word;  // in some argument
  std::string_view role;
  bool server = false;
};
constexpr std::array kPrograms = {
    Program{"multiprocessing.resource_tracker", "multiprocessing resource tracker"},
    Program{"multiprocessing.forkserver", "multiprocessing fork server"},
    Program{"multiprocessing.spawn", "multiprocessing worker"},
    Program{"gunicorn", "gunicorn", true},
    Program{"celery", "celery", true},
    Program{"uvicorn", "uvicorn", true},
    Program{"hypercorn", "hypercorn", true},
    Program{"uwsgi", "uwsgi", true},
    Program{"airflow", "airflow", true},
    Program{"ipykernel", "jupyter kernel"},
    Program{"jupyter", "jupyter"},
};

const Program* program_of(const ListedProcess& process) {
  for (const Program& program : kPrograms) {
    for (const std::string& argument : process.arguments) {
      if (argument.find(program.word) != argument.npos) return &program;
    }
  }
  return nullptr;
}

using ById = std::map<std::uint64_t, const ListedProcess*>;

std::string role_of(const ListedProcess& process, const ById& all) {
  const Program* program = program_of(process);
  const auto parent = all.find(process.parent);
  const bool has_parent = parent != all.end();
  const std::string of_parent = " of " + std::to_string(process.parent);
  const bool has_child = std::any_of(all.begin(), all.end(), [&](const auto& one) {
    return one.second->parent == process.pid && one.second->executable == process.executable;
  });
  if (program != nullptr && program->server) {
    // A title that setproctitle left: "gunicorn: master [app]".
    const std::string& first = process.arguments.front();
    if (first.find(": master") != first.npos) return std::string(program->role) + " master";
    if (has_parent && program_of(*parent->second) == program) {
      return std::string(program->role) + " worker" + of_parent;
    }
    return std::string(program->role) + (has_child ? " master" : "");
  }
  if (program != nullptr) return std::string(program->role) + (has_parent ? of_parent : "");
  // fork() without exec(): the same words, the same program.
  if (has_parent && !process.arguments.empty() && parent->second->arguments == process.arguments &&
      parent->second->executable == process.executable) {
    return "forked child" + of_parent;
  }
  return {};
}

}  // namespace

std::vector<PythonProcess> python_processes(std::vector<ListedProcess> processes) {
  ById all;
  for (const ListedProcess& process : processes) all.emplace(process.pid, &process);
  std::vector<PythonProcess> out;
  for (const ListedProcess& process : processes) {
    bool python = false;
    std::string version;
    const auto look = [&](std::string_view path) {
      Sign sign = sign_of(path);
      python = python || sign.python;
      // The longest name says most: "3.11" rather than what "python3" leaves open.
      if (sign.python && version.empty()) version = std::move(sign.version);
    };
    look(process.executable);
    for (const std::string& file : process.files) look(file);
    if (!python) continue;
    out.push_back(
        {process, std::move(version), role_of(process, all), allocators_of(process.files)});
  }
  return out;
}

}  // namespace coreheap::commands
