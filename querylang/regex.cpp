// Loading the library of regular expressions from where this code itself was loaded from.
#include "querylang/regex.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <vector>

#include "querylang/regex/module.h"

namespace coreheap::query {

namespace {

constexpr const char* kName = "coreheap_regex.so";

struct Module {
  decltype(&coreheap_regex_compile) compile = nullptr;
  decltype(&coreheap_regex_matches) matches = nullptr;
  decltype(&coreheap_regex_free) free = nullptr;
  std::string error;
};

// Beside the library that holds this code, or in the lib folder beside the program's bin.
std::vector<std::string> candidates() {
  Dl_info info = {};
  std::vector<std::string> found;
  if (dladdr(reinterpret_cast<void*>(&candidates), &info) != 0 && info.dli_fname != nullptr) {
    std::error_code error;
    std::filesystem::path own = std::filesystem::canonical(info.dli_fname, error);
    // A program's own name may be a bare word.
    if (error) own = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) {
      const auto folder = own.parent_path();
      found.push_back((folder / kName).string());
      found.push_back((folder.parent_path() / "lib" / kName).string());
    }
  }
  return found;
}

Module load() {
  Module module;
  for (const std::string& path : candidates()) {
    // Never a bare name: the loader's search path may lead to a stranger's.
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      std::error_code error;
      if (const char* text = dlerror(); text != nullptr && std::filesystem::exists(path, error)) {
        module.error = text;
      }
      continue;
    }
    module.compile =
        reinterpret_cast<decltype(module.compile)>(dlsym(handle, "coreheap_regex_compile"));
    module.matches =
        reinterpret_cast<decltype(module.matches)>(dlsym(handle, "coreheap_regex_matches"));
    module.free = reinterpret_cast<decltype(module.free)>(dlsym(handle, "coreheap_regex_free"));
    if (module.compile != nullptr && module.matches != nullptr && module.free != nullptr) {
      module.error.clear();
      return module;
    }
    module.error = path + " is not what its name says";
  }
  if (module.error.empty()) module.error = std::string(kName) + " is not beside coreheap";
  module.compile = nullptr;
  return module;
}

// Loaded once a process, as any library is; it has no state that a query could change.
const Module& module() {
  static const Module loaded = load();
  return loaded;
}

}  // namespace

std::expected<std::shared_ptr<const Regex>, RegexError> Regex::compile(std::string_view pattern) {
  const Module& library = module();
  if (library.compile == nullptr) {
    return std::unexpected(
        RegexError{true, "regular expressions cannot be used here: " + library.error, {}});
  }
  std::array<char, 200> message = {};
  std::array<char, 200> part = {};
  void* handle = library.compile(pattern.data(), pattern.size(), message.data(), message.size(),
                                 part.data(), part.size());
  if (handle == nullptr) {
    return std::unexpected(RegexError{false, message.data(), part.data()});
  }
  return std::shared_ptr<const Regex>(new Regex(handle));
}

Regex::~Regex() { module().free(static_cast<coreheap_regex*>(handle_)); }

bool Regex::matches(std::string_view text) const {
  return module().matches(static_cast<const coreheap_regex*>(handle_), text.data(), text.size()) !=
         0;
}

}  // namespace coreheap::query
